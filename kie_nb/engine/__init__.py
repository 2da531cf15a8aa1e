"""The life of a run and nothing else: the dispatcher's thread, the supervisor, the driver with its steps, and the waits.

The words of this package; each means one thing in code, messages and docs.

request       what we ask: a model and its inputs
run           our record of a request, one for each paid intention
task          the service's work on it, with a `taskId`
video         a file that a task made
experiment    a named grid of requests
ledger        the database of runs; it publishes each row that it commits
service       who answers: `kie` or `simulator`
account       one key at a service
channel       the way to a service with one account: connection, rate, balance
grant         the right to send one request within the account's rate
fingerprint   the hash that tells requests apart
standing      a run that answers for its request, which is not sent again
estimate      credits by the price list; what the service reports are *credits*
record        a run by its row, and what follows from it
workspace     what work on runs needs: dispatcher, ledgers, channels, timing
supervisor    decides which runs this process drives and which it watches
driver        takes a run to its end
handle        what a person holds: `Run`
session       the handles and the supervisor of one process
intent        recorded and not sent
sending       on its way; if the process dies now, the outcome is unknown
accepted      its task is known
success       the task has made it, and its files are not here; shown as *downloading*
fetched       its files are here; shown as *done*
unknown       a task may exist and be billed
lost          the service does not show its task any more
owner         the process that drives a run
lease         how long an owner may be silent before it counts as dead
take over     drive a run whose owner process is dead
abandoned     recorded and unsent, and its owner process is dead
cancel        end an intent before it is sent
evidence      what balances and tasks say of an unknown outcome
settle        end an unknown outcome: adopt its task, resend, or write off
orphan        a file of the folder that belongs to no run
provenance    where a request was asked for: versions, notebook, cell, commit
"""

from .waiting import run_coroutine

__all__ = ["run_coroutine"]
