"""Packs a folder as an image of one layer: oci_archive.py FOLDER NAME:TAG ARCHIVE COMMAND (OCI image layout 1.0)."""

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

MEDIA = "application/vnd.oci.image"
Descriptor = dict[str, object]


def add(draft: Path, media: str) -> Descriptor:
    """Store a blob under its digest; the draft becomes it."""
    with draft.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    blob = draft.rename(draft.with_name(digest))
    return {"mediaType": media, "digest": f"sha256:{digest}", "size": blob.stat().st_size}


def add_json(draft: Path, content: object, media: str) -> Descriptor:
    """Store a blob of JSON."""
    draft.write_text(json.dumps(content))
    return add(draft, media)


def main(folder: str, name: str, archive: str, command: str) -> None:
    """Write the archive."""
    with tempfile.TemporaryDirectory() as place:
        layout, blobs = Path(place), Path(place) / "blobs/sha256"
        blobs.mkdir(parents=True)
        draft = blobs / "draft"
        subprocess.run(["tar", "-C", folder, "-cf", draft, "."], check=True)
        layer = add(draft, f"{MEDIA}.layer.v1.tar")
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": [command]},
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
        }
        configured = add_json(draft, config, f"{MEDIA}.config.v1+json")
        image = {"schemaVersion": 2, "config": configured, "layers": [layer]}
        manifest = add_json(draft, image, f"{MEDIA}.manifest.v1+json")
        manifest["annotations"] = {"io.containerd.image.name": f"docker.io/library/{name}"}
        (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
        (layout / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
        subprocess.run(["tar", "-C", place, "-cf", archive, "."], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
