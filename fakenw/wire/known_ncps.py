"""All NCPs and NDS verbs that Wireshark 4.0 knows, with their names, also those that the server lacks.

In this table a group begins with its number; ``plain`` are the functions without sub-functions.
"""

from __future__ import annotations

from functools import cache

NCPS = """\
plain: 1 File Set Lock; 2 File Release Lock; 3 Log File Exclusive; 4 Lock File Set; 5 Release File; 6 Release File
  Set; 7 Clear File; 8 Clear File Set; 9 Log Logical Record; 10 Lock Logical Record Set; 11 Clear Logical Record; 12
  Release Logical Record; 13 Release Logical Record Set; 14 Clear Logical Record Set; 18 Get Volume Info with
  Number; 19 Get Station Number; 20 Get File Server Date And Time; 24 End of Job; 25 Logout; 26 Log Physical Record;
  27 Lock Physical Record Set; 28 Release Physical Record; 29 Release Physical Record Set; 30 Clear Physical Record;
  31 Clear Physical Record Set; 33 Negotiate Buffer Size; 37 Execute NCP Extension; 59 Commit File; 61 Commit File;
  62 File Search Initialize; 63 File Search Continue; 64 Search for a File; 65 Open File; 66 Close File; 67 Create
  File; 68 Erase File; 69 Rename File; 70 Set File Attributes; 71 Get Current Size of File; 72 Read From A File; 73
  Write to a File; 74 Copy from One File to Another; 75 Set File Time Date Stamp; 76 Open File; 77 Create File; 79
  Set File Extended Attributes; 84 Open/Create File; 85 Get Sparse File Data Block Bit Map; 91 NMAS Graded
  Authentication; 97 Get Big Packet NCP Max Packet Size; 98 Negotiate NDS connection buffer size; 99 Undocumented
  Packet Burst; 100 Undocumented Packet Burst; 101 Packet Burst Connection Request; 102 Undocumented Packet Burst;
  103 Undocumented Packet Burst; 105 Log File; 106 Lock File Set; 107 Log Logical Record; 108 Log Logical Record;
  109 Log Physical Record; 110 Lock Physical Record Set; 112 Clear and Get Waiting Lock Completion
17: 0 Write to Spool File; 1 Close Spool File; 2 Set Spool File Flags; 3 Spool A Disk File; 6 Get Printer Status; 9
  Create Spool File; 10 Get Printer's Queue
21: 0 Send Broadcast Message; 1 Get Broadcast Message; 2 Disable Broadcasts; 3 Enable Broadcasts; 9 Broadcast To
  Console; 10 Send Broadcast Message; 11 Get Broadcast Message; 12 Connection Message Control
22: 0 Set Directory Handle; 1 Get Directory Path; 2 Scan Directory Information; 3 Get Effective Directory Rights; 4
  Modify Maximum Rights Mask; 5 Get Volume Number; 6 Get Volume Name; 10 Create Directory; 11 Delete Directory; 12
  Scan Directory for Trustees; 13 Add Trustee to Directory; 14 Delete Trustee from Directory; 15 Rename Directory;
  16 Purge Erased Files; 17 Recover Erased File; 18 Alloc Permanent Directory Handle; 19 Alloc Temporary Directory
  Handle; 20 Deallocate Directory Handle; 21 Get Volume Info with Handle; 22 Alloc Special Temporary Directory
  Handle; 23 Extract a Base Handle; 24 Restore an Extracted Base Handle; 25 Set Directory Information; 26 Get Path
  Name of a Volume-Directory Number Pair; 27 Scan Salvageable Files; 28 Recover Salvageable File; 29 Purge
  Salvageable File; 30 Scan a Directory; 31 Get Directory Entry; 32 Scan Volume's User Disk Restrictions; 33 Add
  User Disk Space Restriction; 34 Remove User Disk Space Restrictions; 35 Get Directory Disk Space Restriction; 36
  Set Directory Disk Space Restriction; 37 Set Directory Entry Information; 38 Scan File or Directory for Extended
  Trustees; 39 Add Extended Trustee to Directory or File; 40 Scan Directory Disk Space; 41 Get Object Disk Usage and
  Restrictions; 42 Get Effective Rights for Directory Entry; 43 Remove Extended Trustee from Dir or File; 44 Get
  Volume and Purge Information; 45 Get Directory Information; 46 Rename Or Move; 47 Get Name Space Information; 48
  Get Name Space Directory Entry; 49 Open Data Stream; 50 Get Object Effective Rights for Directory Entry; 51 Get
  Extended Volume Information; 52 Get Mount Volume List; 53 Get Volume Capabilities; 54 Add User Disk Space
  Restriction 64 Bit Aware; 55 Get Object Disk Usage and Restrictions 64 Bit Aware; 56 Scan Volume's User Disk
  Restrictions 64 Bit Aware; 57 Set Directory Disk Space Restriction 64 Bit Aware; 58 Get Directory Information 64
  Bit Aware
23: 0 Login User; 1 Change User Password; 2 Get User Connection List; 3 Get User Number; 5 Get Station's Logged
  Info; 7 Get Group Number; 12 Verify Serialization; 13 Log Network Message; 14 Get Disk Utilization; 15 Scan File
  Information; 16 Set File Information; 17 Get File Server Information; 18 Get Network Serial Number; 19 Get
  Internet Address; 20 Login Object; 21 Get Object Connection List; 22 Get Station's Logged Info; 23 Get Login Key;
  24 Keyed Object Login; 26 Get Internet Address; 27 Get Object Connection List; 28 Get Station's Logged Info; 29
  Change Connection State; 30 Set Watchdog Delay Interval; 31 Get Connection List From Object; 32 Scan Bindery
  Object (List); 33 Generate GUIDs; 34 Set Connection Language Encoding; 50 Create Bindery Object; 51 Delete Bindery
  Object; 52 Rename Bindery Object; 53 Get Bindery Object ID; 54 Get Bindery Object Name; 55 Scan Bindery Object; 56
  Change Bindery Object Security; 57 Create Property; 58 Delete Property; 59 Change Property Security; 60 Scan
  Property; 61 Read Property Value; 62 Write Property Value; 63 Verify Bindery Object Password; 64 Change Bindery
  Object Password; 65 Add Bindery Object To Set; 66 Delete Bindery Object From Set; 67 Is Bindery Object In Set; 68
  Close Bindery; 69 Open Bindery; 70 Get Bindery Access Level; 71 Scan Bindery Object Trustee Paths; 72 Get Bindery
  Object Access Level; 73 Is Calling Station a Manager; 74 Keyed Verify Password; 75 Keyed Change Password; 76 List
  Relations Of an Object; 100 Create Queue; 101 Destroy Queue; 102 Read Queue Current Status; 103 Set Queue Current
  Status; 104 Create Queue Job And File; 105 Close File And Start Queue Job; 106 Remove Job From Queue; 107 Get
  Queue Job List; 108 Read Queue Job Entry; 109 Change Queue Job Entry; 110 Change Queue Job Position; 111 Attach
  Queue Server To Queue; 112 Detach Queue Server From Queue; 113 Service Queue Job; 114 Finish Servicing Queue Job;
  115 Abort Servicing Queue Job; 116 Change To Client Rights; 117 Restore Queue Server Rights; 118 Read Queue Server
  Current Status; 119 Set Queue Server Current Status; 120 Get Queue Job File Size; 121 Create Queue Job And File;
  122 Read Queue Job Entry; 123 Change Queue Job Entry; 124 Service Queue Job; 125 Read Queue Current Status; 126
  Set Queue Current Status; 127 Close File And Start Queue Job; 128 Remove Job From Queue; 129 Get Queue Job List;
  130 Change Job Priority; 131 Finish Servicing Queue Job; 132 Abort Servicing Queue Job; 133 Change To Client
  Rights; 134 Read Queue Server Current Status; 135 Get Queue Job File Size; 136 Move Queue Job From Src Q to Dst Q;
  137 Get Queue Jobs From Form List; 138 Service Queue Job By Form List; 150 Get Current Account Status; 151 Submit
  Account Charge; 152 Submit Account Hold; 153 Submit Account Note; 200 Check Console Privileges; 201 Get File
  Server Description Strings; 202 Set File Server Date And Time; 203 Disable File Server Login; 204 Enable File
  Server Login; 205 Get File Server Login Status; 207 Disable Transaction Tracking; 208 Enable Transaction Tracking;
  209 Send Console Broadcast; 210 Clear Connection Number; 211 Down File Server; 212 Get File System Statistics; 213
  Get Transaction Tracking Statistics; 214 Read Disk Cache Statistics; 215 Get Drive Mapping Table; 216 Read
  Physical Disk Statistics; 217 Get Disk Channel Statistics; 219 Get Connection's Open Files; 220 Get Connection
  Using A File; 221 Get Physical Record Locks By Connection And File; 222 Get Physical Record Locks By File; 223 Get
  Logical Records By Connection; 224 Get Logical Record Information; 225 Get Connection's Semaphores; 226 Get
  Semaphore Information; 227 Get LAN Driver Configuration Information; 229 Get Connection Usage Statistics; 230 Get
  Object's Remaining Disk Space; 231 Get File Server LAN I/O Statistics; 232 Get File Server Misc Information; 233
  Get Volume Information; 234 Get Connection's Task Information; 235 Get Connection's Open Files; 236 Get Connection
  Using A File; 237 Get Physical Record Locks By Connection And File; 238 Get Physical Record Locks By File; 239 Get
  Logical Records By Connection; 240 Get Logical Record Information (old); 241 Get Connection's Semaphores; 242 Get
  Semaphore Information; 243 Map Directory Number to Path; 244 Convert Path to Dir Entry; 253 Send Console
  Broadcast; 254 Clear Connection Number
32: 0 Open Semaphore; 1 Examine Semaphore; 2 Wait On Semaphore; 3 Signal Semaphore; 4 Close Semaphore
34: 0 TTS Is Available; 1 TTS Begin Transaction; 2 TTS End Transaction; 3 TTS Abort Transaction; 4 TTS Transaction
  Status; 5 TTS Get Application Thresholds; 6 TTS Set Application Thresholds; 7 TTS Get Workstation Thresholds; 8
  TTS Set Workstation Thresholds; 9 TTS Get Transaction Bits; 10 TTS Set Transaction Bits
35: 1 AFP Create Directory; 2 AFP Create File; 3 AFP Delete; 4 AFP Get Entry ID From Name; 5 AFP Get File
  Information; 6 AFP Get Entry ID From NetWare Handle; 7 AFP Rename; 8 AFP Open File Fork; 9 AFP Set File
  Information; 10 AFP Scan File Information; 11 AFP Alloc Temporary Directory Handle; 12 AFP Get Entry ID From Path
  Name; 13 AFP 2.0 Create Directory; 14 AFP 2.0 Create File; 15 AFP 2.0 Get File Or Directory Information; 16 AFP
  2.0 Set File Information; 17 AFP 2.0 Scan File Information; 18 AFP Get DOS Name From Entry ID; 19 AFP Get
  Macintosh Info On Deleted File
36: 0 Get NCP Extension Information; 1 Get NCP Extension Maximum Data Size; 2 Get NCP Extension Information by Name;
  3 Get Number of Registered NCP Extensions; 4 Get NCP Extension Registered Verbs List; 5 Return NCP Extension
  Information; 6 Return NCP Extension Maximum Data Size
86: 1 Close Extended Attribute Handle; 2 Write Extended Attribute; 3 Read Extended Attribute; 4 Enumerate Extended
  Attribute; 5 Duplicate Extended Attributes
87: 1 Open/Create File or Subdirectory; 2 Initialize Search; 3 Search for File or Subdirectory; 4 Rename Or Move a
  File or Subdirectory; 5 Scan File or Subdirectory for Trustees; 6 Obtain File or SubDirectory Information; 7
  Modify File or Subdirectory DOS Information; 8 Delete a File or Subdirectory; 9 Set Short Directory Handle; 10 Add
  Trustee Set to File or Subdirectory; 11 Delete Trustee Set from File or SubDirectory; 12 Allocate Short Directory
  Handle; 16 Scan Salvageable Files; 17 Recover Salvageable File; 18 Purge Salvageable Files; 19 Get Name Space
  Information; 20 Search for File or Subdirectory Set; 21 Get Path String from Short Directory Handle; 22 Generate
  Directory Base and Volume Number; 23 Query Name Space Information Format; 24 Get Name Spaces Loaded List from
  Volume Number; 25 Set Name Space Information; 26 Get Huge Name Space Information; 27 Set Huge Name Space
  Information; 28 Get Full Path String; 29 Get Effective Directory Rights; 30 Open/Create File or Subdirectory; 31
  Get File Information; 32 Open/Create File or Subdirectory with Callback; 33 Open/Create File or Subdirectory II
  with Callback; 34 Open CallBack Control (Op-Lock); 35 Modify DOS Attributes on a File or Subdirectory; 36 Log
  File; 37 Release File; 38 Clear File; 39 Get Directory Disk Space Restriction; 40 Search for File or Subdirectory
  Set (Extended Errors); 41 Scan Salvageable Files; 42 Purge Salvageable File List; 43 Revoke File Handle Rights; 44
  Update File Handle Rights; 64 Read from File; 65 Write to File; 66 Get Current Size of File; 67 Log Physical
  Record; 68 Release Physical Record; 69 Clear Physical Record; 70 Copy from One File to Another (64 Bit offset
  capable); 71 Get Sparse File Data Block Bit Map; 72 Read a File; 73 Write to a File
88: 1 Query Volume Audit Status; 2 Add User Audit Property; 3 Add Auditor Access; 4 Change Auditor Volume Password;
  5 Check Auditor Access; 6 Delete User Audit Property; 7 Disable Auditing On A Volume; 8 Enable Auditing On A
  Volume; 9 Query User Being Audited; 10 Read Audit Bit Map; 11 Read Audit File Configuration Header; 13 Remove
  Auditor Access; 14 Reset Audit File; 15 Auditing NCP; 16 Write Audit Bit Map; 17 Write Audit File Configuration
  Header; 18 Change Auditor Volume Password2; 19 Return Audit Flags; 20 Close Old Audit File; 22 Check Level Two
  Access; 23 Return Old Audit File List; 24 Init Audit File Reads; 25 Read Auditing File; 26 Delete Old Audit File;
  30 Restart Volume auditing; 31 Set Volume Password
89: 1 Open/Create File or Subdirectory; 2 Initialize Search; 3 Search for File or Subdirectory; 4 Rename Or Move a
  File or Subdirectory; 5 Scan File or Subdirectory for Trustees; 6 Obtain File or SubDirectory Information; 7
  Modify File or Subdirectory DOS Information; 8 Delete a File or Subdirectory; 9 Set Short Directory Handle; 10 Add
  Trustee Set to File or Subdirectory; 11 Delete Trustee Set from File or SubDirectory; 12 Allocate Short Directory
  Handle; 16 Scan Salvageable Files; 17 Recover Salvageable File; 19 Get Name Space Information; 20 Search for File
  or Subdirectory Set; 22 Generate Directory Base and Volume Number; 25 Set Name Space Information; 28 Get Full Path
  String; 29 Get Effective Directory Rights; 30 Open/Create File or Subdirectory; 32 Open/Create File or
  Subdirectory with Callback; 33 Open/Create File or Subdirectory II with Callback; 35 Modify DOS Attributes on a
  File or Subdirectory; 39 Get Directory Disk Space Restriction; 40 Search for File or Subdirectory Set (Extended
  Errors); 41 Get Directory Disk Space Restriction 64 Bit Aware; 50 Get Object Effective Rights; 52 Write Extended
  Attribute; 53 Read Extended Attribute; 54 Enumerate Extended Attribute; 71 Scan Volume Trustee Object Paths
90: 0 Parse Tree; 10 Get Reference Count from Dir Entry Number; 11 Get Reference Count from Dir Handle; 12 Set
  Compressed File Size; 128 Move File Data To Data Migration; 129 Data Migration File Information; 130 Volume Data
  Migration Status; 131 Migrator Status Info; 132 Data Migration Support Module Information; 133 Move File Data From
  Data Migration; 134 Get/Set Default Read-Write Support Module ID; 135 Data Migration Support Module Capacity
  Request; 136 RTDM Request; 150 File Migration Request
92: 1 SecretStore Services (Ping Server); 2 SecretStore Services (Fragment); 3 SecretStore Services (Write App
  Secrets); 4 SecretStore Services (Add Secret ID); 5 SecretStore Services (Remove Secret ID); 6 SecretStore
  Services (Remove SecretStore); 7 SecretStore Services (Enumerate Secret IDs); 8 SecretStore Services (Unlock
  Store); 9 SecretStore Services (Set Master Password); 10 SecretStore Services (Get Service Information)
94: 1 NMAS Communications Packet (Ping); 2 NMAS Communications Packet (Fragment); 3 NMAS Communications Packet
  (Abort)
104: 1 Ping for NDS NCP; 2 Send NDS Fragmented Request/Reply; 3 Fragment Close; 4 Return Bindery Context; 5 Monitor
  NDS Connection; 6 Return NDS Statistics; 7 Clear NDS Statistics; 8 Reload NDS Software; 200 Query Container Audit
  Status; 202 Add Auditor Access; 203 Change Auditor Container Password; 204 Check Auditor Access; 207 Enable
  Container Auditing; 209 Read Audit File Header; 211 Remove Auditor Access; 212 Reset Audit File; 214 Write Audit
  File Configuration Header; 215 Change Auditor Container Password2; 216 Return Audit Flags; 217 Close Old Audit
  File; 219 Check Level Two Access; 220 Check Object Audited; 221 Change Object Audited; 222 Return Old Audit File
  List; 223 Init Audit File Reads; 224 Read Auditing File; 225 Delete Old Audit File; 229 Set Audit Password; 231
  External Audit Append To File
111: 0 Open/Create a Semaphore; 1 Examine Semaphore; 2 Wait On (P) Semaphore; 3 Signal (V) Semaphore; 4 Close
  Semaphore
114: 1 Timesync Get Time; 2 Timesync Exchange Time; 5 Timesync Get Server List; 6 Timesync Set Server List; 12
  Timesync Get Version
123: 1 Get Cache Information; 2 Get File Server Information; 3 NetWare File System Information; 4 User Information;
  5 Packet Burst Information; 6 IPX SPX Information; 7 Garbage Collection Information; 8 CPU Information; 9 Volume
  Switch Information; 10 Get NLM Loaded List; 11 NLM Information; 12 Get Directory Cache Information; 13 Get
  Operating System Version Information; 14 Get Active Connection List by Type; 15 Get NLM Resource Tag List; 16
  Enumerate Connection Information from Connection List; 17 Enumerate NCP Service Network Addresses; 20 Active LAN
  Board List; 21 LAN Configuration Information; 22 LAN Common Counters Information; 23 LAN Custom Counters
  Information; 24 LAN Name Information; 25 LSL Information; 26 LSL Logical Board Statistics; 27 MLID Board
  Information; 30 Get Media Manager Object Information; 31 Get Media Manager Objects List; 32 Get Media Manager
  Object Childrens List; 33 Get Volume Segment List; 34 Get Volume Information by Level; 35 Get Volume Information
  by Level 64 Bit Aware; 40 Active Protocol Stacks; 41 Get Protocol Stack Configuration Information; 42 Get Protocol
  Stack Statistics Information; 43 Get Protocol Stack Custom Information; 44 Get Protocol Stack Numbers by Media
  Number; 45 Get Protocol Stack Numbers by LAN Board Number; 46 Get Media Name by Media Number; 47 Get Loaded Media
  Number; 50 Get General Router and SAP Information; 51 Get Network Router Information; 52 Get Network Routers
  Information; 53 Get Known Networks Information; 54 Get Server Information; 55 Get Server Sources Information; 56
  Get Known Servers Information; 60 Get Server Set Commands Information; 61 Get Server Set Categories; 62 Get Server
  Set Commands Information By Name; 70 Get Current Compressing File; 71 Get Current DeCompressing File Info List; 72
  Get Compression and Decompression Time and Counts; 249 Set Alert Notification; 251 Get Item Configuration
  Information; 252 Get Subject Item ID List; 253 Get Subject Item List Count; 254 Get Subject ID List; 255 Get
  Number of NetMan Subjects
128: 206 Disable Container Auditing
131: 1 RPC Load an NLM; 2 RPC Unload an NLM; 3 RPC Mount Volume; 4 RPC Dismount Volume; 5 RPC Add Name Space To
  Volume; 6 RPC Set Command Value; 7 RPC Execute NCF File
"""

VERBS = """\
1 Resolve Name; 2 Read Entry Information; 3 Read; 4 Compare; 5 List; 6 Search Entries; 7 Add Entry; 8 Remove Entry;
9 Modify Entry; 10 Modify RDN; 11 Create Attribute; 12 Read Attribute Definition; 13 Remove Attribute Definition; 14
Define Class; 15 Read Class Definition; 16 Modify Class Definition; 17 Remove Class Definition; 18 List Containable
Classes; 19 Get Effective Rights; 20 Add Partition; 21 Remove Partition; 22 List Partitions; 23 Split Partition; 24
Join Partitions; 25 Add Replica; 26 Remove Replica; 27 Open Stream; 28 Search Filter; 29 Create Subordinate
Reference; 30 Link Replica; 31 Change Replica Type; 32 Start Update Schema; 33 End Update Schema; 34 Update Schema;
35 Start Update Replica; 36 End Update Replica; 37 Update Replica; 38 Synchronize Partition; 39 Synchronize Schema;
40 Read Syntaxes; 41 Get Replica Root ID; 42 Begin Move Entry; 43 Finish Move Entry; 44 Release Moved Entry; 45
Backup Entry; 46 Restore Entry; 47 Save DIB (Obsolete); 48 Control; 49 Remove Backlink; 50 Close Iteration; 51
Mutate Entry; 52 Audit Skulking; 53 Get Server Address; 54 Set Keys; 55 Change Password; 56 Verify Password; 57
Begin Login; 58 Finish Login; 59 Begin Authentication; 60 Finish Authentication; 61 Logout; 62 Repair Ring
(Obsolete); 63 Repair Timestamps; 64 Create Back Link; 65 Delete External Reference; 66 Rename External Reference;
67 Create Queue Entry Directory; 68 Remove Queue Entry Directory; 69 Merge Entries; 70 Change Tree Name; 71
Partition Entry Count; 72 Check Login Restrictions; 73 Start Join; 74 Low Level Split; 75 Low Level Join; 76 Abort
Partition Operation; 77 Get All Servers; 78 Partition Function; 79 Read References; 80 Inspect Entry; 81 Get Remote
Entry ID; 82 Change Security; 83 Check Console Operator; 84 Start Move Tree; 85 Move Tree; 86 End Move Tree; 87 Low
Level Abort Join; 88 Check Security Equivalence; 89 Merge Tree; 90 Sync External Reference; 91 Resend Entry; 92 New
Schema Epoch; 93 Statistics; 94 Ping; 95 Get Bindery Contexts; 96 Monitor Connection; 97 Get DS Statistics; 98 Reset
DS Counters; 99 Console; 100 Read Stream; 101 Write Stream; 102 Create Orphan Partition; 103 Remove Orphan
Partition; 104 Link Orphan Partition; 105 Set Distributed Reference Link (DRL); 108 Verify Distributed Reference
Link (DRL); 109 Verify Partition; 110 Iterator; 112 Close Stream; 114 Read Status; 115 Partition Sync Status; 116
Read Reference Data; 117 Write Reference Data; 118 Resource Event; 119 DIB Request (obsolete); 120 Set Replication
Filter; 121 Get Replication Filter; 122 Change Attribute Definition; 123 Schema in Use; 124 Remove Keys; 125 Clone;
126 Multiple Operations Transaction; 240 Ping; 255 EDirectory Call
"""

# Groups whose sub-function stands behind a length word. In all other groups it is the first byte.
_WITH_LENGTH = frozenset({17, 21, 22, 23, 35, 36, 90, 114, 123, 131})


def name_of(function: int, subfunction: int | None, verb: int | None = None) -> str | None:
    """The name of an NCP, or of the NDS verb in it; None for an unknown one."""
    return _ncps().get((function, subfunction)) if verb is None else _verbs().get(verb)


def subfunction_of(function: int, body: bytes) -> int | None:
    """The sub-function of a request of any known group; None in a plain function, or where the request is too short."""
    if function not in _groups():
        return None
    at = 2 if function in _WITH_LENGTH else 0
    return body[at] if at < len(body) else None


@cache
def known() -> frozenset[tuple[int, int | None]]:
    """The known NCPs, as (function, sub-function or None)."""
    return frozenset(_ncps())


@cache
def _ncps() -> dict[tuple[int, int | None], str]:
    table: dict[tuple[int, int | None], str] = {}
    for paragraph in NCPS.replace("\n  ", " ").splitlines():
        group, _, entries = paragraph.partition(": ")
        for number, name in _entries(entries):
            table[(number, None) if group == "plain" else (int(group), number)] = name
    return table


@cache
def _verbs() -> dict[int, str]:
    return dict(_entries(VERBS.replace("\n", " ")))


@cache
def _groups() -> frozenset[int]:
    return frozenset(function for function, subfunction in _ncps() if subfunction is not None)


def _entries(text: str) -> list[tuple[int, str]]:
    pairs = (entry.strip().partition(" ") for entry in text.split(";"))
    return [(int(number), name) for number, _, name in pairs]
