"""syncdoc-jupyter §10: which arguments of nbconvert are taken, and which are not."""

from typing import Any

import pytest

from cocalc_jupyter_ext.project.conversion.orders import (
    FORMATS,
    ConversionOrder,
    ConversionRefused,
    read_order,
)


def test_the_notebook_is_the_last_argument_of_a_direct_call() -> None:
    assert read_order(["--to", "slides", "dir/a.ipynb"]) == ConversionOrder(
        "slides", (), "dir/a.ipynb"
    )
    assert read_order(["--to=slides", "--", "-a.ipynb"]).notebook == "-a.ipynb"


def test_through_the_document_it_is_the_notebook_itself() -> None:
    assert read_order(["--to", "python"], "a.ipynb") == ConversionOrder("python", (), "a.ipynb")
    assert read_order([], "a.ipynb").to == "html"


@pytest.mark.parametrize(
    ("args", "to", "options"),
    [
        (["--to", "html", "--template", "classic"], "html", ("--template=classic",)),
        (["--to", "html"], "html", ()),
        (
            ["--to", "webpdf", "--allow-chromium-download"],
            "webpdf",
            ("--allow-chromium-download",),
        ),
        (["--to", "pdf"], "pdf", ()),
        (["--to", "lab-pdf"], "lab-pdf", ()),
    ],
)
def test_what_the_original_front_end_sends_is_taken(
    args: list[str], to: str, options: tuple[str, ...]
) -> None:
    order = read_order(args, "a.ipynb")

    assert (order.to, order.options) == (to, options)


@pytest.mark.parametrize("to", sorted(FORMATS))
def test_all_formats_of_the_contract_are_known(to: str) -> None:
    assert read_order(["--to", to], "a.ipynb").is_printed == (
        to in {"lab-pdf", "classic-pdf", "webpdf"}
    )


@pytest.mark.parametrize(
    "args",
    [
        # runs code of the notebook, or what a file or a class says
        ["--execute"],
        ["--allow-errors"],
        ["--ExecutePreprocessor.enabled=True"],
        ["--to", "mymodule.MyExporter"],
        ["--post", "os.system"],
        ["--post=serve"],
        ["--writer", "mymodule.Writer"],
        ["--config", "/tmp/evil.py"],
        ["--config=/tmp/evil.py"],
        ["--Exporter.preprocessors=['mymodule.Evil']"],
        ["--NbConvertApp.postprocessor_class=serve"],
        ["--PDFExporter.latex_command=['sh','-c','id']"],
        ["--template-file", "evil.j2"],
        ["--template", "../evil"],
        ["--template", "evil"],
        ["--TemplateExporter.extra_template_basedirs=/tmp"],
        ["--WebPDFExporter.browser_args=--no-sandbox"],
        ["--disable-chromium-sandbox"],
        ["--debug-server"],
        # writes somewhere else, or over the notebook
        ["--output-dir", "/tmp"],
        ["--output-dir=/tmp"],
        ["--FilesWriter.build_directory=/tmp"],
        ["--output", "../a"],
        ["--output=/tmp/a"],
        ["--output", ".hidden"],
        ["--output", "-x"],
        ["--output", "{notebook_name}/../../x"],
        ["--inplace"],
        ["--clear-output"],
        ["--stdout"],
        ["--stdin"],
        ["--generate-config"],
        # converts another file
        ["other.ipynb"],
        ["--", "other.ipynb"],
        ["-y"],
        ["--no-input=1; touch /tmp/x"],
        ["--theme", "a b"],
        ["--reveal-prefix", "file:///etc"],
        ["--to"],
        ["--to", "no-such-format"],
        ["--to", "sagews"],
    ],
)
def test_what_could_do_more_than_convert_is_refused(args: list[str]) -> None:
    with pytest.raises(ConversionRefused):
        read_order(args, "a.ipynb")
    with pytest.raises(ConversionRefused):
        read_order([*args, "--", "a.ipynb"])


def test_a_refusal_says_what_to_do() -> None:
    with pytest.raises(ConversionRefused, match="run the cells in the notebook"):
        read_order(["--execute"], "a.ipynb")
    with pytest.raises(ConversionRefused, match=r"'--x' is not taken here; there are .*--no-input"):
        read_order(["--x"], "a.ipynb")
    with pytest.raises(ConversionRefused, match=r"there is no format 'x'; there are asciidoc"):
        read_order(["--to", "x"], "a.ipynb")


@pytest.mark.parametrize(
    "args",
    [
        None,
        "--to html",
        {"--to": "html"},
        ["--to", 7],
        [],
        ["--to", "html"],
        ["a.txt"],
        ["--no-input"] * 60 + ["a.ipynb"],
        ["x" * 2_000 + ".ipynb"],
        ["a\0.ipynb"],
    ],
)
def test_what_names_no_notebook_is_refused(args: Any) -> None:
    with pytest.raises(ConversionRefused):
        read_order(args)


def test_the_name_of_the_result() -> None:
    assert read_order(["dir/a.b.ipynb"]).base == "a.b"
    assert read_order(["--output", "report", "a.ipynb"]).base == "report"
