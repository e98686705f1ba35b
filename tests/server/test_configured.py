"""What an administrator may configure, and that it reaches the parts."""

from traitlets import TraitType

from cocalc_jupyter_ext.documents.history.pruning import Limits
from cocalc_jupyter_ext.server.app import CoCalcExtension
from cocalc_jupyter_ext.server.configured import ConfiguredExtension


def own_traits() -> dict[str, TraitType]:  # type: ignore[type-arg]
    return ConfiguredExtension.class_own_traits(config=True)


def test_every_setting_is_explained_with_its_default() -> None:
    assert own_traits()
    for name, trait in own_traits().items():
        assert "Default: " in trait.help, name
        assert trait.help.strip().endswith((".", "directory.")), name


def test_every_setting_reaches_the_parts() -> None:
    app = CoCalcExtension(
        document_close_delay_s=1,
        autosave_quiet_s=2,
        autosave_longest_s=3,
        file_poll_s=4,
        log_compact_bytes=50_000,
        log_keep_days=2,
        room_max_message_bytes=6_000,
        room_max_unsent_bytes=7_000,
        room_keep_alive_s=8,
        shutdown_timeout_s=9,
        data_dir="/tmp/x",
        hub_service_name="h",
        history_keep_days=3,
        history_keep_bytes=10_000,
        max_open_files=11,
        blob_store_bytes=12_000_000,
        chromium_sandbox=False,
    )

    settings = app.configured_settings()

    assert settings.documents.close_delay_s == 1
    assert (settings.documents.autosave.quiet_s, settings.documents.autosave.longest_s) == (2, 3)
    assert (settings.documents.file_poll_s, settings.documents.compact_bytes) == (4, 50_000)
    assert (settings.rooms.max_message_bytes, settings.rooms.max_unsent_bytes) == (6_000, 7_000)
    assert (settings.rooms.keep_alive_s, settings.shutdown_timeout_s) == (8, 9)
    assert settings.log_keep_s == 2 * 86_400
    assert settings.history == Limits(max_age_ms=3 * 86_400_000, max_bytes=10_000)
    assert (str(settings.data_folder), settings.hub_service_name) == ("/tmp/x", "h")
    assert (settings.max_open_files, settings.blobs.max_bytes) == (11, 12_000_000)
    assert not settings.printing.sandbox


def test_histories_are_kept_for_ever_unless_somebody_says_otherwise() -> None:
    assert CoCalcExtension(data_dir="/tmp/x").configured_settings().history.keep_everything
