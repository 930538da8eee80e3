"""Packs a folder as an image of one layer: oci_archive.py FOLDER NAME:TAG ARCHIVE COMMAND (OCI image layout 1.0)."""

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

MEDIA = "application/vnd.oci.image"
Descriptor = dict[str, object]


def add(blobs: Path, content: bytes, media: str) -> Descriptor:
    """Store a blob under its digest."""
    digest = hashlib.sha256(content).hexdigest()
    (blobs / digest).write_bytes(content)
    return {"mediaType": media, "digest": f"sha256:{digest}", "size": len(content)}


def main(folder: str, name: str, archive: str, command: str) -> None:
    """Write the archive."""
    with tempfile.TemporaryDirectory() as place:
        layout, blobs = Path(place), Path(place) / "blobs/sha256"
        blobs.mkdir(parents=True)
        tar = subprocess.run(["tar", "-C", folder, "-c", "."], capture_output=True, check=True).stdout
        layer = add(blobs, tar, f"{MEDIA}.layer.v1.tar")
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": [command]},
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
        }
        configured = add(blobs, json.dumps(config).encode(), f"{MEDIA}.config.v1+json")
        image = {"schemaVersion": 2, "config": configured, "layers": [layer]}
        manifest = add(blobs, json.dumps(image).encode(), f"{MEDIA}.manifest.v1+json")
        manifest["annotations"] = {"io.containerd.image.name": f"docker.io/library/{name}"}
        (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
        (layout / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
        subprocess.run(["tar", "-C", place, "-cf", archive, "."], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
