"""What stands for the standard library's `collections` in the page: `namedtuple` alone.

The interpreter's own module takes longer to translate than all that the page computes with. What is not here is an
ImportError when the page is built (`served`).
"""


def namedtuple(name, fields, *, defaults=()):
    """A tuple whose entries have names, as in the standard library, with `_fields`."""
    fields = tuple(fields.replace(",", " ").split() if isinstance(fields, str) else fields)

    def __new__(cls, *values, **named):
        if len(values) > len(fields):
            raise TypeError(f"{name}: {len(values)} values for {len(fields)} fields")
        given = dict(zip(fields[len(fields) - len(defaults) :], defaults))
        given.update(zip(fields, values))
        for field, value in named.items():
            if field not in fields or field in fields[: len(values)]:
                raise TypeError(f"{name}: {field!r} is no field, or is given twice")
            given[field] = value
        if missing := [field for field in fields if field not in given]:
            raise TypeError(f"{name}: no value for {', '.join(missing)}")
        return tuple.__new__(cls, [given[field] for field in fields])

    def __repr__(self):
        return name + "(" + ", ".join(f"{field}={value!r}" for field, value in zip(fields, self)) + ")"

    def entry(index):
        return property(lambda self: self[index])

    members = {"__slots__": (), "__new__": __new__, "__repr__": __repr__, "_fields": fields}
    members.update((field, entry(index)) for index, field in enumerate(fields))
    return type(name, (tuple,), members)
