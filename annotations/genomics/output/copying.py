"""memcpy for compiled code: numba turns a loop over bytes into single bytes, at a tenth of the speed."""

from __future__ import annotations

from typing import Any

from numba.core import cgutils, types
from numba.extending import intrinsic


@intrinsic
def copy_bytes(_typing: Any, target: Any, at: Any, source: Any, start: Any, count: Any) -> Any:
    """copy_bytes(target, at, source, start, count): target[at:at + count] = source[start:start + count].

    Both are contiguous uint8 arrays; nothing is checked. The spans must not overlap.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointers = []
        for place in (0, 2):
            array = context.make_array(signature.args[place])(context, builder, arguments[place])
            offset = context.cast(builder, arguments[place + 1], signature.args[place + 1], types.intp)
            pointers.append(builder.gep(array.data, [offset]))
        size = context.cast(builder, arguments[4], signature.args[4], types.intp)
        cgutils.raw_memcpy(  # type: ignore[no-untyped-call]
            builder, pointers[0], pointers[1], size, 1
        )
        return context.get_dummy_value()

    return types.void(target, at, source, start, count), generate
