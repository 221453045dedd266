"""What the emulator cannot do, it says: one sentence, in the protocol of the caller."""

import json

from moto.core.responses import BaseResponse

CODE = "NotInEmulator"


def sentence(service, action):
    return f"the emulator of AWS has no {service}:{action}: add it to test/aws/emulator/calls.py, or declare this without it"


def body(service, message, content_type):
    """The error as the service words errors; each SDK reads its own form only."""
    if "json" in content_type:
        return content_type, json.dumps({"__type": CODE, "message": message})
    error = f"<Code>{CODE}</Code><Message>{message}</Message>"
    if service == "ec2":
        return "text/xml", f"<Response><Errors><Error>{error}</Error></Errors><RequestID>none</RequestID></Response>"
    if service == "s3":
        return "text/xml", f"<Error>{error}</Error>"
    return "text/xml", f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error><RequestId>none</RequestId></ErrorResponse>"


def unknown_actions():
    """moto answers 500 to an action that it lacks, which clients try again for ten minutes."""
    known = BaseResponse.call_action

    def call_action(self):
        try:
            return known(self)
        except NotImplementedError:
            message = sentence(self.service_name, self._get_action())
            content_type, text = body(self.service_name, message, self.headers.get("Content-Type", ""))
            return 400, {"Content-Type": content_type, "status": "400"}, text

    BaseResponse.call_action = call_action


ALL = (unknown_actions,)
