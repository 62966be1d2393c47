# SPDX-License-Identifier: Apache-2.0
"""What a release consists of, as an SPDX 2.3 document (JSON): tools/make-dist writes it.

The archive's files with their sums, the libraries that are linked into them, the compiler, what
draws the book. It says
nothing of the day or of the machine that made it.
"""

import hashlib
import json
import re
import time

NAME = "zvm.spdx.json"  # in the archive, and beside it
OWN_LICENSE = "Apache-2.0"
LIBFDT_LICENSE = "GPL-2.0-or-later OR BSD-2-Clause"
LIBFDT_COPYRIGHT = "Copyright (C) 2006 David Gibson, IBM Corporation."
# Files of the archive that libfdt.a is linked into.
WITH_LIBFDT = ("build/zvm_host.elf", "build/zvm_host.bin", "build/rtos.elf", "build/rtos.bin")
CHECKER = "build/tools/checkdesc"
# What mkdocs' theme brings into the book: beginnings of names, the first one that fits.
MKDOCS_LICENSE = "BSD-2-Clause"
THEME = (("book/css/bootstrap", "MIT"), ("book/js/bootstrap", "MIT"), ("book/js/jquery", "MIT"),
         ("book/css/font-awesome", "MIT"), ("book/fonts/", "OFL-1.1"),
         *((f"book/{folder}/", MKDOCS_LICENSE) for folder in ("css", "js", "img")))
KINDS = {".md": "DOCUMENTATION", ".html": "DOCUMENTATION", ".svg": "IMAGE", ".bin": "BINARY", ".elf": "BINARY", ".a": "BINARY", ".o": "BINARY"}


def identifier(name):
    """An SPDX element's name: letters, digits, dots and dashes."""
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", name)


def sums(data):
    return [{"algorithm": name, "checksumValue": hashlib.new(name.lower(), data).hexdigest()}
            for name in ("SHA1", "SHA256")]


def debian(name, version, architecture, license, copyright, **more):
    """A package of Debian's that is linked with."""
    place = f"pkg:deb/debian/{name}" + (f"@{version.replace('+', '%2B')}" if version else "") + f"?arch={architecture}"
    package = {
        "SPDXID": identifier(f"{name}-{architecture}"), "name": name, "supplier": "Organization: Debian",
        "downloadLocation": "NOASSERTION", "filesAnalyzed": False, "licenseConcluded": "NOASSERTION",
        "licenseDeclared": license, "copyrightText": copyright, "primaryPackagePurpose": "LIBRARY",
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": place}],
        **more,
    }
    return package | ({"versionInfo": version} if version else {})


def license_of(path):
    if path in WITH_LIBFDT:
        return f"{OWN_LICENSE} AND ({LIBFDT_LICENSE})"
    if path.startswith("book/") and path.endswith(".html"):
        return f"{OWN_LICENSE} AND {MKDOCS_LICENSE}"
    return next((license for start, license in THEME if path.startswith(start)), OWN_LICENSE)


def file_entry(path, data):
    kind = KINDS.get(path[path.rfind("."):], "BINARY" if data[:4] == b"\x7fELF" else "SOURCE")
    return {
        "SPDXID": identifier(f"File-{path}"), "fileName": f"./{path}", "fileTypes": [kind], "checksums": sums(data),
        "licenseConcluded": license_of(path),
        "licenseInfoInFiles": [OWN_LICENSE if b"SPDX-License-Identifier: Apache-2.0" in data else "NONE"],
        "copyrightText": "NOASSERTION",
    }


def document(version, commit, when, files, libfdt, compiler, mkdocs):
    """The document's bytes.

    files: name in the archive and bytes, without the document; commit: of the sources, or None;
    when: seconds since 1970; libfdt: the arm64 library's version, or None, and its bytes; compiler:
    its name and version; mkdocs: its version.
    """
    entries = [file_entry(path, files[path]) for path in sorted(files)]
    own = {
        "SPDXID": "SPDXRef-zvm", "name": "zvm", "versionInfo": version, "supplier": "NOASSERTION",
        "downloadLocation": "NOASSERTION", "filesAnalyzed": True, "licenseConcluded": f"{OWN_LICENSE} AND ({LIBFDT_LICENSE}) AND {MKDOCS_LICENSE} AND MIT AND OFL-1.1",
        "licenseDeclared": OWN_LICENSE, "licenseInfoFromFiles": [OWN_LICENSE, "NONE"],
        "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": "OPERATING-SYSTEM",
        # SPDX 2.3, 7.9: of the files' SHA-1, sorted.
        "packageVerificationCode": {
            "packageVerificationCodeValue": hashlib.sha1("".join(
                sorted(hashlib.sha1(data).hexdigest() for data in files.values())).encode()).hexdigest(),
            "packageVerificationCodeExcludedFiles": [f"./{NAME}"],
        },
        "hasFiles": [entry["SPDXID"] for entry in entries],
    }
    if commit:
        own["sourceInfo"] = f"git commit {commit}"
    linked = debian("libfdt-dev", libfdt[0], "arm64", LIBFDT_LICENSE, LIBFDT_COPYRIGHT, checksums=sums(libfdt[1]),
                    comment="The sums are those of libfdt.a.")
    loaded = [debian("libfdt1", None, "amd64", LIBFDT_LICENSE, LIBFDT_COPYRIGHT),
              debian("libc6", None, "amd64", "LGPL-2.1-or-later", "NOASSERTION")]
    drawn = debian("mkdocs", mkdocs, "all", MKDOCS_LICENSE, "Copyright 2014 Tom Christie",
                   primaryPackagePurpose="APPLICATION",
                   comment="Of its theme: Bootstrap and jQuery (MIT), Font Awesome (OFL-1.1, MIT).")
    gcc = {
        "SPDXID": "SPDXRef-compiler", "name": compiler[0], "versionInfo": compiler[1], "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False, "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION", "primaryPackagePurpose": "APPLICATION",
    }
    relations = [("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-zvm"), ("SPDXRef-compiler", "BUILD_TOOL_OF", "SPDXRef-zvm"),
                 (drawn["SPDXID"], "BUILD_TOOL_OF", "SPDXRef-zvm")]
    relations += [(identifier(f"File-{path}"), "STATIC_LINK", linked["SPDXID"]) for path in WITH_LIBFDT]
    relations += [(identifier(f"File-{CHECKER}"), "DYNAMIC_LINK", package["SPDXID"]) for package in loaded]
    return (json.dumps({
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"zvm-{version}",
        "documentNamespace": "https://spdx.org/spdxdocs/zvm-" + version + "-" +
                             own["packageVerificationCode"]["packageVerificationCodeValue"],
        "creationInfo": {"created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when)),
                         "creators": ["Tool: make-dist"]},
        "packages": [own, linked, *loaded, drawn, gcc],
        "files": entries,
        "relationships": [{"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b}
                          for a, kind, b in relations],
    }, indent=1) + "\n").encode()

