"""What the bare clients send: the bytes and headers of a signed callout, made once."""

__all__ = ["BODY", "CALLOUTS", "CLI", "DESTINATION", "HEADERS", "KEY", "SECRET", "TEXT"]

CALLOUTS = "/calling/v1/callouts"
KEY = "669E367E-6BBA-48AB-AF15-266871C28135"
SECRET = "BeIukql3pTKJ8RGL5zo0DA=="
DESTINATION = "+46000000001"
CLI = "+46000000000"
TEXT = "Hello! Your parcel is waiting at the corner shop until eight."
BODY = (
    '{"method":"ttsCallout","ttsCallout":{"destination":{"type":"number","endpoint":"+46000000001"},'
    f'"cli":"+46000000000","locale":"en-US","text":"{TEXT}","enableDice":true}}}}'
).encode()
HEADERS = {
    "Content-Type": "application/json; charset=utf-8",
    "x-timestamp": "2026-11-23T08:00:00.0000000Z",
    "Authorization": f"application {KEY}:{'A' * 43}=",
}
