"""Specs of both APIs become the same plain specs."""

from synapse_sync.destinations.synapse.collection import parse_collection
from synapse_sync.records import Collection, Spec

V1 = {
    "id": 7,
    "name": "Brain scans",
    "meta": {"data_unit_meta_schema": {"type": "object"}},
    "file_specifications": [
        {
            "name": "image_1",
            "file_type": "medical",
            "extensions": [".NII.gz", "dcm", "*.img", "dcm"],
            "is_required": True,
        },
        {"name": "label_1", "file_type": "document", "extensions": [], "is_required": False},
    ],
}
V2 = {
    "id": 7,
    "name": "Brain scans",
    "meta": None,
    "file_specifications": [
        {"name": "image_1", "file_type": "image", "is_required": True, "is_sequential": True},
        {"name": "odd_1", "file_type": "hologram", "is_required": False, "is_sequential": False},
    ],
}


def test_v1_extensions_come_out_in_lowercase_with_a_dot_and_once():
    assert parse_collection(7, V1, {}) == Collection(
        7,
        "Brain scans",
        (
            Spec("image_1", "medical", (".nii.gz", ".dcm", ".img"), required=True),
            Spec("label_1", "document", (), required=False),
        ),
        {"type": "object"},
    )


def test_v2_extensions_come_from_the_file_type_and_an_unknown_type_restricts_nothing():
    assert parse_collection(7, V2, {"image": (".jpg", ".png")}).specs == (
        Spec("image_1", "image", (".jpg", ".png"), required=True, sequential=True),
        Spec("odd_1", "hologram", (), required=False),
    )


def test_a_specs_own_extensions_are_not_widened_by_its_type():
    assert parse_collection(7, V1, {"document": (".pdf",)}).specs[1].extensions == ()


def test_meta_without_a_schema_means_no_schema():
    for meta in (None, {}, {"data_unit_meta_schema": None}, "text"):
        assert parse_collection(7, {**V2, "meta": meta}, {}).meta_schema is None
