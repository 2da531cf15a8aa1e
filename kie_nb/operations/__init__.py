"""What is done with runs afterwards: functions over the workspace and records, which know no handles."""
