"""The engine's version: one literal, read by the build and written into every audit record.

It is not taken from the installed metadata: a decision derived again from a source tree, a wheel or an
editable install must carry the same version, or the audit log could not be re-derived byte for byte.
"""

from typing import Final

ENGINE_VERSION: Final = "0.1.0"
