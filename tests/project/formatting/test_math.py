r"""syncdoc-jupyter §11: math in Markdown is protected before and restored after."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocalc_jupyter_ext.project.formatting.math import protect, restore


@pytest.mark.parametrize(
    ("text", "formulas"),
    [
        ("a $x_1 * y_2$ b", ["$x_1 * y_2$"]),
        ("a $$x\n\n= *1*$$ b", ["$$x\n\n= *1*$$"]),
        (r"\(a_1\) and \[b\n*c*\]", [r"\(a_1\)", r"\[b\n*c*\]"]),
        (
            "\\begin{align*}\na_1 &= *b*\n\\end{align*}",
            ["\\begin{align*}\na_1 &= *b*\n\\end{align*}"],
        ),
        ("$a$, $b$", ["$a$", "$b$"]),
        (r"$a \$ b$", [r"$a \$ b$"]),
        ("over $a +\nb$ lines", ["$a +\nb$"]),
        ("it costs $5 and $10", []),
        (r"it costs \$5 or \$6", []),
        ("a $ b $ c", []),
        ("no $a\n\nb$ across paragraphs", []),
        ("`$a$` and ``$b` $c$``", []),
        ("```sh\necho $a $b$\n```\n$c$", ["$c$"]),
        ("~~~\n$a$\n~~~", []),
        ("```\n$a$ without end", []),
        ("````\n```\n$a$\n````\n$b$", ["$b$"]),
        ("```\n$a$\n`````\n$b$", ["$b$"]),
        ("  ~~~\n$a$\n  ~~~\n$b$", ["$b$"]),
        ("a ` b $c$", ["$c$"]),
        (r"\\(a\\) \`$a$\`", ["$a$"]),
        (r"\begin{a} \begin{b} x \end{b}", [r"\begin{b} x \end{b}"]),
    ],
)
def test_formulas_are_found_outside_of_code(text: str, formulas: list[str]) -> None:
    plain, protected = protect(text)

    assert protected[1] == formulas
    assert restore(plain, protected) == text
    assert all(formula not in plain for formula in formulas)


@given(
    st.lists(
        st.sampled_from(
            [
                "$",
                "$$",
                "`",
                "```",
                "~~~",
                "\n",
                "\\",
                "\\(",
                "\\]",
                " ",
                "a",
                "1",
                "math",
                "\\begin{a}",
                "\\end{a}",
                "x0x",
            ]
        ),
        max_size=60,
    ).map("".join)
)
def test_what_was_taken_out_is_put_back_in_any_text(text: str) -> None:
    plain, protected = protect(text)

    assert restore(plain, protected) == text


def test_words_of_the_text_are_never_taken_for_formulas() -> None:
    text = "math0math mathx1mathx $a$"
    plain, protected = protect(text)

    assert restore(plain, protected) == text
    assert plain.startswith("math0math mathx1mathx ")


@pytest.mark.parametrize(
    "piece",
    [
        "$",
        "$a ",
        "`",
        "` ``",
        "\\begin{a}",
        "\\[",
        "\\($$",
        "```\n",
        "~~~~~~~~~~~~\n",
        "\\$",
        "$\n  ",
    ],
)
def test_the_time_is_proportional_to_the_length(piece: str) -> None:
    text = piece * (300_000 // len(piece))  # any slower than that, this takes minutes
    plain, protected = protect(text)

    assert restore(plain, protected) == text


def test_environments_of_many_names_take_no_longer() -> None:
    names = ("".join("abcdefghij"[int(digit)] for digit in str(number)) for number in range(20_000))
    text = "".join(f"\\begin{{{name}}}" for name in names)

    assert protect(text)[1][1] == []
