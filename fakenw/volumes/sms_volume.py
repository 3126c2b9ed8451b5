"""Volume SYS of a client access point of SMS 2.0."""

from __future__ import annotations

from datetime import datetime

from fakenw.volumes.directory_tree import Contents, MemoryTree


def sms_tree(site: str = "GS1") -> MemoryTree:
    """SYS of a server that is a client access point of the SMS 2.0 site *site* (three characters).

    The folders are from KB Q252856; the look-up files, which lead to the instruction (.INS) and the offer (.OFR),
    from KB Q200967; COMPVER.INI and the versions of Service Pack 2 from KB Q266130; the package file from KB Q293187.
    The content of the files is invented: their formats were never published.
    """
    # DOS loads an .EXE that does not begin with MZ as a .COM. This one exits with code 0.
    program = b"\xb8\x00\x4c\xcd\x21"
    versions = {"BASE": "2009", "HINV": "2000", "REMCTRL": "2001", "SINV": "2006", "SMSAPM32": "2011", "SWDIST": "2011"}
    components: Contents = {
        name: {"COMPVER.INI": f"[Version]\r\nVersion=2.00.1493.{version}\r\n".encode("ascii")}
        for name, version in versions.items()
    }
    offer, instruction, package = f"{site}00001.OFR", f"{site}00001.INS", f"{site}00001.PKG"
    lookup = f"{instruction}\r\n".encode("ascii")
    cap: Contents = {
        "CCR.BOX": {},
        "CLICOMP.BOX": components,
        "CLIDATA.BOX": {},
        "CLIFILES.BOX": {},
        "DDR.BOX": {},
        "INVENTRY.BOX": {},
        "OFFERINF.BOX": {
            f"{site}SYSTM.LKP": lookup,
            f"{site}USER.LKP": b"",
            f"{site}USRGP.LKP": b"",
            instruction: f"{offer}\r\n".encode("ascii"),
            offer: f"[Offer]\r\nPackage={package}\r\nProgram=SETUP.EXE\r\n".encode("ascii"),
        },
        "PKGINFO.BOX": {package: f"[Package]\r\nSite={site}\r\n".encode("ascii")},
        "SINV.BOX": {},
        "STATMSGS.BOX": {},
    }
    # The day KB Q257223 was last modified.
    return MemoryTree(
        {"LOGIN": {"LOGIN.EXE": program}, "PUBLIC": {"NLIST.EXE": program}, f"CAP_{site}": cap},
        datetime(2000, 8, 10),
    )
