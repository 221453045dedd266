"""An emulator of AWS: moto, which keeps what is declared, and what it lacks.

usage: python emulator.py -H 127.0.0.1 -p PORT

MOTO_ACCOUNT_ID is the account that everybody is in. What moto does not know is
refused at once and in one sentence (refusals.py), not tried again for minutes.
"""

import os

os.environ.setdefault("MOTO_ACCOUNT_ID", "222222222222")

import answers
import calls
import refusals
from moto.server import main

if __name__ == "__main__":
    for mend in (*answers.ALL, *calls.ALL, *refusals.ALL):
        mend()
    main()
