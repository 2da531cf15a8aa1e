"""The life of a run: the dispatcher's thread, the supervisor, the driver with its steps, and waiting.

The words of this package; each means one thing in code, messages and docs.

request       what we ask: a model and its inputs
run           our record of a request that is sent once
task          the service's work on it, with a `taskId`
video         a file that a task made
experiment    a named grid of requests
ledger        the database of runs; it publishes each row that it commits
service       who answers: `kie` or `simulator`
account       one key at a service
channel       connection, rate and balance of one account at a service
grant         the right to send one request within the account's rate
fingerprint   the hash that tells requests apart
standing      a run that is shown for its request instead of sending it again
estimate      credits by the price list; what the service reports are *credits*
record        a row of the ledger as an immutable value
workspace     what work on runs needs: dispatcher, ledgers, channels, timing
supervisor    decides which runs this process drives and which it watches
driver        takes a run to its end
handle        the user's object for a run: `Run`
session       the handles and the supervisor of one process
intent        recorded and not sent
sending       request under way; if the process dies now, the outcome is unknown
accepted      its task is known
success       made, files not downloaded yet; shown as *downloading*
fetched       files downloaded; shown as *done*
unknown       a task may exist and be billed
lost          the service does not show its task any more
owner         the process that drives a run
lease         how long an owner may be silent before it counts as dead
take over     drive a run whose owner process is dead
abandoned     recorded and unsent, and its owner process is dead
cancel        end an intent before it is sent
evidence      what balances and tasks show about an unknown outcome
settle        end an unknown outcome: adopt its task, resend, or write off
orphan        a file in the folder without a run
provenance    versions, notebook, cell and commit of a request
"""

from .waiting import run_coroutine

__all__ = ["run_coroutine"]
