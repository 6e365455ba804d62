"""How generators are called. No imports: a report needs the names, and would start more slowly with recipes and pydantic."""

GUIDED = {"none": "", "prediction": "conditional", "gradient": "guided"}
"""What a generator is told of the threat model → how its name says it."""


def generator_name(guide: str, paper: bool) -> str:
    """How tables call a generator. `paper`: whether it has the paper's form, with a threshold."""
    return " ".join(filter(None, ["STAA-Net", "(paper)" if paper else "", GUIDED.get(guide, guide)]))
