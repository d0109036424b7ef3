"""The conformance suite: what every connector must do, checked against a CRM that can be broken on purpose.

A connector's contract test wraps its sandbox in a `CrmUnderTest` and runs each function of `CHECKS` on a fresh one.
The checks know neither vendor nor test framework; they raise `NotConformant`, an `AssertionError` that says what
the connector did instead.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from connectors.testing import checks, resume, witness
from connectors.testing.crm import CrmUnderTest, Fault, NotConformant, Operation

__all__ = ["CHECKS", "CrmUnderTest", "Fault", "NotConformant", "Operation"]

CHECKS: Mapping[str, Callable[[CrmUnderTest], None]] = MappingProxyType(
    {
        name.removeprefix("check_"): check
        for module in (resume, checks, witness)
        for name, check in vars(module).items()
        if name.startswith("check_") and callable(check)
    }
)
"""Every check by name, for instance `resume`."""
