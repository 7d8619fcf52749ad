"""One scoped value."""

import pyperf

from corectx import scope

pyperf.Runner().timeit("it", 'with scope(step="db"): pass', globals={"scope": scope})
