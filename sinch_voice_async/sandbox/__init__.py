"""A local stand-in for the platform: real HTTP, simulated telephones, and no line of code shared with the client.

Everything here is written from the platform's documents alone, so that the client and this witness cannot agree on a
mistake. The extra ``sinch-voice-async[sandbox]`` brings what it runs on.
"""

from .exchange.calls import Call, Calls
from .exchange.people import People, Person
from .faults import Fault, Faults
from .sandbox import Sandbox
from .serving import Serving
from .storage.recordings import Recording, Recordings

__all__ = ["Call", "Calls", "Fault", "Faults", "People", "Person", "Recording", "Recordings", "Sandbox", "Serving"]
