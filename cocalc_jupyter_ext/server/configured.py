"""What an administrator may configure: the traits of the extension, and the settings they make."""

from pathlib import Path

from jupyter_core.paths import jupyter_data_dir
from jupyter_server.extension.application import ExtensionApp
from traitlets import Bool, Float, Integer, Unicode, default

from ..documents.autosave import AutosaveTimes
from ..documents.blobs.store import BlobLimits
from ..documents.history.pruning import Limits
from ..documents.settings import DocumentSettings
from ..project.conversion.printing import PrintSettings
from .file_storage import MAX_NOTEBOOK_BYTES, MAX_TEXT_BYTES
from .settings import RoomSettings, ServerSettings

__all__ = ["ConfiguredExtension"]


class ConfiguredExtension(ExtensionApp):
    """An extension with the traits of ours, and what their values mean for its parts."""

    data_dir = Unicode(
        help="""Folder for the update logs of documents and other data of this extension.

        Keep it outside the folder with the notebooks and on a disk that survives restarts.
        Default: ``cocalc`` in Jupyter's data directory.
        """
    ).tag(config=True)

    @default("data_dir")
    def _default_data_dir(self) -> str:
        return str(Path(jupyter_data_dir()) / "cocalc")

    document_close_delay_s = Float(
        60.0,
        min=0,
        help="""Seconds for which a document stays open after the last page left it and its
        kernel became idle. It is saved before it is closed. Default: 60.
        """,
    ).tag(config=True)

    autosave_quiet_s = Float(
        1.0,
        min=0.05,
        help="""Seconds without an edit after which the plain file is written. Every edit is in
        the update log at once, whatever this says. Default: 1.
        """,
    ).tag(config=True)

    autosave_longest_s = Float(
        10.0,
        min=0.05,
        help="""Seconds after which the plain file is written even if somebody types without
        pause. Default: 10.
        """,
    ).tag(config=True)

    file_poll_s = Float(
        1.0,
        min=0.05,
        help="""Seconds between looks at the plain file of an open document, to notice changes
        by other programs. Default: 1.
        """,
    ).tag(config=True)

    max_open_files = Integer(
        1000,
        min=1,
        help="""Documents that CoCalc clients may have open at once; those that they open beyond
        that are refused with a message. Pages of JupyterLab do not count. Default: 1000.
        """,
    ).tag(config=True)

    max_text_bytes = Integer(
        MAX_TEXT_BYTES,
        min=1_000,
        help="""Size in bytes above which a text file is not opened as a live document.
        Default: 32,000,000.
        """,
    ).tag(config=True)

    max_notebook_bytes = Integer(
        MAX_NOTEBOOK_BYTES,
        min=1_000,
        help="""Size in bytes above which a notebook is not opened as a live document.
        Default: 150,000,000.
        """,
    ).tag(config=True)

    blob_store_bytes = Integer(
        2_000_000_000,
        min=1_000_000,
        help="""Size in bytes above which large outputs that no open notebook shows are removed from
        the folder ``blobs`` in ``data_dir``, oldest use first. Files of notebooks are complete
        without it. Default: 2,000,000,000.
        """,
    ).tag(config=True)

    log_compact_bytes = Integer(
        4_000_000,
        min=10_000,
        help="""Size in bytes from which the update log of an open document is compacted; it is
        always compacted when the document is closed. Default: 4,000,000.
        """,
    ).tag(config=True)

    log_keep_days = Float(
        30.0,
        min=1,
        help="""Days for which the update log of a file that is gone, or one that was unreadable
        and set aside, is kept. Default: 30.
        """,
    ).tag(config=True)

    history_keep_days = Float(
        0.0,
        min=0,
        help="""Days for which older versions of documents are kept in their histories; 0 keeps
        them for ever. The newest state is always kept. Default: 0.
        """,
    ).tag(config=True)

    history_keep_bytes = Integer(
        0,
        min=0,
        help="""Size in bytes above which the oldest versions of a document are removed from its
        history; 0 is no limit. The newest state is always kept. Default: 0.
        """,
    ).tag(config=True)

    room_max_message_bytes = Integer(
        100_000_000,
        min=1_000,
        help="""Largest message in bytes that a page may send about a document; a larger one
        ends its connection. Default: 100,000,000.
        """,
    ).tag(config=True)

    room_max_unsent_bytes = Integer(
        20_000_000,
        min=1_000,
        help="""Bytes that may wait to be sent to one page. A page that reads too slowly is
        disconnected when there are more, and connects again. Default: 20,000,000.
        """,
    ).tag(config=True)

    room_keep_alive_s = Float(
        15.0,
        min=0.1,
        help="""Seconds between signs of life to every page; pages hang up after 30 seconds of
        silence. Default: 15.
        """,
    ).tag(config=True)

    shutdown_timeout_s = Float(
        10.0,
        min=0,
        help="""Seconds that saving and closing may take when the server stops. What is not saved
        by then is still in the update logs. Default: 10.
        """,
    ).tag(config=True)

    rights_check_s = Float(
        5.0,
        min=0.05,
        help="""Seconds between questions to the authorizer about the people who are connected to
        documents or by conat. Requests are checked one by one, whatever this says. Default: 5.
        """,
    ).tag(config=True)

    chromium_sandbox = Bool(
        True,
        help="""Whether Chromium prints notebooks in its sandbox. Containers without user
        namespaces need False; as root it never has one. Default: True.
        """,
    ).tag(config=True)

    hub_service_name = Unicode(
        "cocalc",
        help="""Name of the JupyterHub service that may tell this server to forget a removed
        member. Default: cocalc.
        """,
    ).tag(config=True)

    def configured_settings(self) -> ServerSettings:
        """Return the settings of the parts, as the traits have them."""
        return ServerSettings(
            data_folder=Path(self.data_dir).expanduser().absolute(),
            shutdown_timeout_s=self.shutdown_timeout_s,
            log_keep_s=self.log_keep_days * 86_400,
            hub_service_name=self.hub_service_name,
            history=Limits(
                max_age_ms=self.history_keep_days * 86_400_000 or None,
                max_bytes=self.history_keep_bytes or None,
            ),
            max_open_files=self.max_open_files,
            printing=PrintSettings(sandbox=self.chromium_sandbox),
            documents=DocumentSettings(
                autosave=AutosaveTimes(
                    quiet_s=self.autosave_quiet_s, longest_s=self.autosave_longest_s
                ),
                file_poll_s=self.file_poll_s,
                close_delay_s=self.document_close_delay_s,
                compact_bytes=self.log_compact_bytes,
            ),
            blobs=BlobLimits(max_bytes=self.blob_store_bytes),
            rooms=RoomSettings(
                max_message_bytes=self.room_max_message_bytes,
                max_unsent_bytes=self.room_max_unsent_bytes,
                keep_alive_s=self.room_keep_alive_s,
            ),
        )
