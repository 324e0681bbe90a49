# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resources of a BMC as nobody in particular builds it: a dict of path to JSON object.

``%NAME%`` in a string stands for what differs between boards or from moment to moment (board.py fills it in).
Schemas: DSP8010, as far as clients look.
"""

from __future__ import annotations

ROOT = "/redfish/v1"
SYSTEM = f"{ROOT}/Systems/1"
MANAGER = f"{ROOT}/Managers/1"
CHASSIS = f"{ROOT}/Chassis/1"
OK = {"State": "Enabled", "Health": "OK", "HealthRollup": "OK"}
RESET_TYPES = ["On", "ForceOff", "GracefulShutdown", "GracefulRestart", "ForceRestart", "Nmi", "PowerCycle", "PushPowerButton", "ForceOn"]
BOOT_TARGETS = ["None", "Pxe", "Hdd", "Cd", "Usb", "BiosSetup", "UefiHttp", "UefiTarget", "UefiBootNext"]

BIOS_REGISTRY = "BiosAttributeRegistrySim.v1_0_0"
BIOS = {
    "BootMode": "Uefi", "SriovGlobalEnable": "Disabled", "ProcVirtualization": "Enabled", "LogicalProc": "Enabled",
    "NumLock": "On", "AssetTag": "", "BootRetryCount": 3, "SerialConsole": "Enabled", "QuietBoot": True,
    "SystemModelName": "Simulated 1", "BiosVersion": "1.0.0",
}


def _link(path):
    return {"@odata.id": path}


def _entry(name, kind, default, **more):
    return {"AttributeName": name, "Type": kind, "DisplayName": name, "ReadOnly": False, "ResetRequired": True, "DefaultValue": default, **more}


def _choice(name, *values):
    return _entry(name, "Enumeration", values[0], Value=[{"ValueName": value, "ValueDisplayName": value} for value in values])


BIOS_ENTRIES = [
    _choice("BootMode", "Uefi", "Bios"),
    _choice("SriovGlobalEnable", "Disabled", "Enabled"),
    _choice("ProcVirtualization", "Enabled", "Disabled"),
    _choice("LogicalProc", "Enabled", "Disabled"),
    _choice("NumLock", "On", "Off"),
    _choice("SerialConsole", "Enabled", "Disabled"),
    _entry("AssetTag", "String", "", MinLength=0, MaxLength=63),
    _entry("BootRetryCount", "Integer", 3, LowerBound=0, UpperBound=10, ScalarIncrement=1),
    _entry("QuietBoot", "Boolean", True),
    {**_entry("SystemModelName", "String", "Simulated 1"), "ReadOnly": True},
    {**_entry("BiosVersion", "String", "1.0.0"), "ReadOnly": True},
]


def generic():
    """The tree; each call makes a new one."""
    tree = {}

    def add(path, kind, name, **more):
        tree[path] = {"@odata.id": path, "@odata.type": f"#{kind}", "Id": path.rsplit("/", 1)[1] or "RootService", "Name": name, **more}

    def collect(path, kind, name, members=(), **more):
        tree[path] = {
            "@odata.id": path, "@odata.type": f"#{kind}.{kind}", "Name": name, "Members@odata.count": len(members),
            "Members": [_link(f"{path}/{member}") for member in members], **more}

    _services(add, collect)
    _system(add, collect)
    _storage(add, collect)
    _manager(add, collect)
    _chassis(add, collect)
    tree[f"{ROOT}/"] = tree.pop(ROOT)
    tree[f"{ROOT}/"]["@odata.id"] = f"{ROOT}/"
    return tree


def _services(add, collect):
    add(ROOT, "ServiceRoot.v1_15_0.ServiceRoot", "Root Service", RedfishVersion="1.18.0", UUID="%UUID%", Vendor="Simulated", Product="Simulated BMC",
        ProtocolFeaturesSupported={"ExpandQuery": {"ExpandAll": False}, "FilterQuery": False, "SelectQuery": False, "OnlyMemberQuery": False},
        Systems=_link(f"{ROOT}/Systems"), Chassis=_link(f"{ROOT}/Chassis"), Managers=_link(f"{ROOT}/Managers"), Tasks=_link(f"{ROOT}/TaskService"),
        SessionService=_link(f"{ROOT}/SessionService"), AccountService=_link(f"{ROOT}/AccountService"), UpdateService=_link(f"{ROOT}/UpdateService"),
        CertificateService=_link(f"{ROOT}/CertificateService"), EventService=_link(f"{ROOT}/EventService"), Registries=_link(f"{ROOT}/Registries"),
        Links={"Sessions": _link(f"{ROOT}/SessionService/Sessions")})
    add(f"{ROOT}/SessionService", "SessionService.v1_1_9.SessionService", "Session Service", ServiceEnabled=True, SessionTimeout=1800, Status=OK,
        Sessions=_link(f"{ROOT}/SessionService/Sessions"))
    collect(f"{ROOT}/SessionService/Sessions", "SessionCollection", "Sessions")
    add(f"{ROOT}/TaskService", "TaskService.v1_2_0.TaskService", "Task Service", ServiceEnabled=True, Status=OK, DateTime="%NOW%",
        Tasks=_link(f"{ROOT}/TaskService/Tasks"))
    collect(f"{ROOT}/TaskService/Tasks", "TaskCollection", "Tasks")
    add(f"{ROOT}/EventService", "EventService.v1_10_0.EventService", "Event Service", ServiceEnabled=False, Status=OK)
    accounts = f"{ROOT}/AccountService"
    add(accounts, "AccountService.v1_13_0.AccountService", "Account Service", ServiceEnabled=True, Status=OK, MinPasswordLength=8, MaxPasswordLength=64,
        AccountLockoutThreshold=0, AccountLockoutDuration=600, Accounts=_link(f"{accounts}/Accounts"), Roles=_link(f"{accounts}/Roles"))
    collect(f"{accounts}/Accounts", "ManagerAccountCollection", "Accounts", ["1"])
    add(f"{accounts}/Accounts/1", "ManagerAccount.v1_11_0.ManagerAccount", "Account", UserName="%USERNAME%", Password=None, RoleId="Administrator",
        Enabled=True, Locked=False, AccountTypes=["Redfish", "IPMI"], Links={"Role": _link(f"{accounts}/Roles/Administrator")})
    roles = {
        "Administrator": ["Login", "ConfigureManager", "ConfigureUsers", "ConfigureComponents", "ConfigureSelf"],
        "Operator": ["Login", "ConfigureComponents", "ConfigureSelf"], "ReadOnly": ["Login", "ConfigureSelf"],
    }
    collect(f"{accounts}/Roles", "RoleCollection", "Roles", list(roles))
    for role, privileges in roles.items():
        add(f"{accounts}/Roles/{role}", "Role.v1_3_1.Role", role, RoleId=role, IsPredefined=True, AssignedPrivileges=privileges)
    update = f"{ROOT}/UpdateService"
    add(update, "UpdateService.v1_11_0.UpdateService", "Update Service", ServiceEnabled=True, Status=OK,
        HttpPushUri=f"{update}/push", MultipartHttpPushUri=f"{update}/upload", FirmwareInventory=_link(f"{update}/FirmwareInventory"),
        Actions={"#UpdateService.SimpleUpdate": {
            "target": f"{update}/Actions/UpdateService.SimpleUpdate", "TransferProtocol@Redfish.AllowableValues": ["HTTP", "HTTPS", "NFS"]}})
    firmware = {
        "BMC": ("1.0.0", MANAGER), "BIOS": ("1.0.0", SYSTEM), "CPLD": ("0.9", None), "NIC.1": ("22.0.5", f"{CHASSIS}/NetworkAdapters/1"),
        "RAID.1": ("51.16.0", f"{SYSTEM}/Storage/1"),
    }
    collect(f"{update}/FirmwareInventory", "SoftwareInventoryCollection", "Firmware", list(firmware))
    for name, (version, related) in firmware.items():
        add(f"{update}/FirmwareInventory/{name}", "SoftwareInventory.v1_9_0.SoftwareInventory", f"{name} firmware", SoftwareId=name, Version=version,
            Updateable=name != "CPLD", Status=OK, RelatedItem=[_link(related)] if related else [])
    add(f"{ROOT}/CertificateService", "CertificateService.v1_0_4.CertificateService", "Certificate Service",
        CertificateLocations=_link(f"{ROOT}/CertificateService/CertificateLocations"),
        Actions={"#CertificateService.GenerateCSR": {"target": f"{ROOT}/CertificateService/Actions/CertificateService.GenerateCSR"},
                 "#CertificateService.ReplaceCertificate": {"target": f"{ROOT}/CertificateService/Actions/CertificateService.ReplaceCertificate"}})
    add(f"{ROOT}/CertificateService/CertificateLocations", "CertificateLocations.v1_0_3.CertificateLocations", "Certificate locations",
        Links={"Certificates": [_link(f"{MANAGER}/NetworkProtocol/HTTPS/Certificates/1")]})
    registries = f"{ROOT}/Registries"
    collect(registries, "MessageRegistryFileCollection", "Registries", ["Base", BIOS_REGISTRY])
    add(f"{registries}/Base", "MessageRegistryFile.v1_1_3.MessageRegistryFile", "Base Message Registry", Registry="Base.1.0", Languages=["en"],
        Location=[{"Language": "en", "Uri": f"{registries}/Base/Base.json"}])
    tree_file = f"{registries}/{BIOS_REGISTRY}/{BIOS_REGISTRY}.json"
    add(f"{registries}/{BIOS_REGISTRY}", "MessageRegistryFile.v1_1_3.MessageRegistryFile", "BIOS Attribute Registry", Registry=BIOS_REGISTRY, Languages=["en"],
        Location=[{"Language": "en", "Uri": tree_file}])
    add(tree_file, "AttributeRegistry.v1_3_6.AttributeRegistry", "BIOS Attribute Registry", Language="en", RegistryVersion="1.0.0", OwningEntity="Simulated",
        RegistryEntries={"Attributes": BIOS_ENTRIES, "Dependencies": [], "Menus": []})
    add(f"{registries}/Base/Base.json", "MessageRegistry.v1_4_0.MessageRegistry", "Base Message Registry", Language="en", RegistryPrefix="Base",
        RegistryVersion="1.0.0", OwningEntity="DMTF", Messages={
            "Success": {"Message": "The request completed successfully.", "Severity": "OK", "NumberOfArgs": 0, "Resolution": "None."},
            "PropertyUnknown": {"Message": "The property %1 is not in the list of valid properties for the resource.", "Severity": "Warning",
                                "NumberOfArgs": 1, "ParamTypes": ["string"], "Resolution": "Remove the property."}})


def _system(add, collect):
    collect(f"{ROOT}/Systems", "ComputerSystemCollection", "Systems", ["1"])
    logs = f"{SYSTEM}/LogServices/SEL"
    add(SYSTEM, "ComputerSystem.v1_20_0.ComputerSystem", "System", SystemType="Physical", Manufacturer="Simulated", Model="Simulated 1",
        SerialNumber="%SERIAL%", SKU="SKU-1", PartNumber="PN-1", UUID="%UUID%", AssetTag="", HostName="", IndicatorLED="Off", LocationIndicatorActive=False,
        PowerState="%POWER%", BiosVersion="1.0.0", LastResetTime="%RESET_TIME%", Status=OK,
        ProcessorSummary={"Count": 2, "LogicalProcessorCount": 64, "Model": "Simulated CPU", "Status": OK},
        MemorySummary={"TotalSystemMemoryGiB": 256, "Status": OK},
        BootProgress={"LastState": "%PROGRESS%"},
        Boot={
            "BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideTarget": "None", "BootSourceOverrideMode": "UEFI", "UefiTargetBootSourceOverride": "",
            "BootSourceOverrideTarget@Redfish.AllowableValues": BOOT_TARGETS, "BootSourceOverrideMode@Redfish.AllowableValues": ["Legacy", "UEFI"],
            "BootSourceOverrideEnabled@Redfish.AllowableValues": ["Disabled", "Once", "Continuous"],
            "HttpBootUri": "", "BootNext": None, "BootOrder": ["Boot0001", "Boot0002", "Boot0003"], "BootOptions": _link(f"{SYSTEM}/BootOptions"),
        },
        Bios=_link(f"{SYSTEM}/Bios"), SecureBoot=_link(f"{SYSTEM}/SecureBoot"), Storage=_link(f"{SYSTEM}/Storage"), Memory=_link(f"{SYSTEM}/Memory"),
        Processors=_link(f"{SYSTEM}/Processors"), EthernetInterfaces=_link(f"{SYSTEM}/EthernetInterfaces"), LogServices=_link(f"{SYSTEM}/LogServices"),
        VirtualMedia=_link(f"{SYSTEM}/VirtualMedia"),
        SerialConsole={"MaxConcurrentSessions": 1, "SSH": {"ServiceEnabled": True, "Port": 2200}, "IPMI": {"ServiceEnabled": True}},
        GraphicalConsole={"ServiceEnabled": True, "MaxConcurrentSessions": 4, "ConnectTypesSupported": ["KVMIP"]},
        Links={"ManagedBy": [_link(MANAGER)], "Chassis": [_link(CHASSIS)]},
        Actions={"#ComputerSystem.Reset": {"target": f"{SYSTEM}/Actions/ComputerSystem.Reset", "ResetType@Redfish.AllowableValues": RESET_TYPES}})
    options = {"Boot0001": ("Pxe", "PXE IPv4 NIC 1"), "Boot0002": ("Hdd", "Disk 1"), "Boot0003": ("UefiHttp", "HTTP IPv4 NIC 1")}
    collect(f"{SYSTEM}/BootOptions", "BootOptionCollection", "Boot options", list(options))
    for reference, (alias, title) in options.items():
        add(f"{SYSTEM}/BootOptions/{reference}", "BootOption.v1_0_4.BootOption", title, BootOptionReference=reference, DisplayName=title, Alias=alias,
            BootOptionEnabled=True, UefiDevicePath=f"PciRoot(0x0)/Pci(0x1,0x0)/{reference}")
    add(f"{SYSTEM}/Bios", "Bios.v1_2_1.Bios", "BIOS settings", AttributeRegistry=BIOS_REGISTRY, Attributes=dict(BIOS),
        **{"@Redfish.Settings": {"@odata.type": "#Settings.v1_3_5.Settings", "SettingsObject": _link(f"{SYSTEM}/Bios/Settings"),
                                 "SupportedApplyTimes": ["OnReset"], "Time": "%RESET_TIME%", "Messages": []}},
        Actions={"#Bios.ResetBios": {"target": f"{SYSTEM}/Bios/Actions/Bios.ResetBios"},
                 "#Bios.ChangePassword": {"target": f"{SYSTEM}/Bios/Actions/Bios.ChangePassword"}})
    add(f"{SYSTEM}/Bios/Settings", "Bios.v1_2_1.Bios", "Pending BIOS settings", AttributeRegistry=BIOS_REGISTRY, Attributes={})
    add(f"{SYSTEM}/SecureBoot", "SecureBoot.v1_1_0.SecureBoot", "UEFI Secure Boot", SecureBootEnable=False, SecureBootCurrentBoot="Disabled",
        SecureBootMode="UserMode", SecureBootDatabases=_link(f"{SYSTEM}/SecureBoot/SecureBootDatabases"),
        Actions={"#SecureBoot.ResetKeys": {
            "target": f"{SYSTEM}/SecureBoot/Actions/SecureBoot.ResetKeys",
            "ResetKeysType@Redfish.AllowableValues": ["ResetAllKeysToDefault", "DeleteAllKeys", "DeletePK"]}})
    collect(f"{SYSTEM}/SecureBoot/SecureBootDatabases", "SecureBootDatabaseCollection", "Databases", ["PK", "KEK", "db", "dbx"])
    for name in ("PK", "KEK", "db", "dbx"):
        add(f"{SYSTEM}/SecureBoot/SecureBootDatabases/{name}", "SecureBootDatabase.v1_0_1.SecureBootDatabase", name, DatabaseId=name)
    collect(f"{SYSTEM}/EthernetInterfaces", "EthernetInterfaceCollection", "Interfaces", ["1", "2"])
    for port in (1, 2):
        add(f"{SYSTEM}/EthernetInterfaces/{port}", "EthernetInterface.v1_9_0.EthernetInterface", f"NIC {port}", MACAddress=f"%MAC{port}%",
            PermanentMACAddress=f"%MAC{port}%", SpeedMbps=25000, LinkStatus="LinkUp" if port == 1 else "LinkDown", InterfaceEnabled=True, Status=OK)
    collect(f"{SYSTEM}/Processors", "ProcessorCollection", "Processors", ["1", "2"])
    for number in (1, 2):
        add(f"{SYSTEM}/Processors/{number}", "Processor.v1_18_0.Processor", f"CPU {number}", Socket=f"CPU {number}", ProcessorType="CPU",
            Model="Simulated CPU", TotalCores=16, TotalThreads=32, MaxSpeedMHz=3000, Status=OK)
    collect(f"{SYSTEM}/Memory", "MemoryCollection", "Memory", ["1", "2"])
    for number in (1, 2):
        add(f"{SYSTEM}/Memory/{number}", "Memory.v1_17_1.Memory", f"DIMM {number}", CapacityMiB=131072, MemoryDeviceType="DDR5", OperatingSpeedMhz=4800,
            SerialNumber=f"DIMM{number}-%SERIAL%", Status=OK)
    collect(f"{SYSTEM}/LogServices", "LogServiceCollection", "Logs", ["SEL"])
    add(logs, "LogService.v1_4_0.LogService", "System event log", ServiceEnabled=True, MaxNumberOfRecords=512, OverWritePolicy="WrapsWhenFull",
        DateTime="%NOW%", LogEntryType="SEL", Status=OK, Entries=_link(f"{logs}/Entries"),
        Actions={"#LogService.ClearLog": {"target": f"{logs}/Actions/LogService.ClearLog"}})
    collect(f"{logs}/Entries", "LogEntryCollection", "Entries", ["1", "2", "3"])
    events = [("OK", "System boot completed"), ("Warning", "Fan 3 is slow"), ("Critical", "Power supply 2 has lost its input")]
    for number, (severity, text) in enumerate(events, 1):
        add(f"{logs}/Entries/{number}", "LogEntry.v1_15_0.LogEntry", f"Entry {number}", EntryType="SEL", Severity=severity, Message=text,
            Created=f"2026-01-01T00:0{number}:00+00:00", MessageId="", SensorNumber=number)
    _media(add, collect, f"{SYSTEM}/VirtualMedia", [])


def _media(add, collect, path, slots):
    collect(path, "VirtualMediaCollection", "Virtual media", [slot for slot, _types in slots])
    for slot, types in slots:
        add(f"{path}/{slot}", "VirtualMedia.v1_6_0.VirtualMedia", f"Virtual {slot}", MediaTypes=types, Image=None, ImageName=None, Inserted=False,
            ConnectedVia="NotConnected", WriteProtected=True, TransferMethod=None, TransferProtocolType=None, UserName=None, Password=None,
            Actions={"#VirtualMedia.InsertMedia": {"target": f"{path}/{slot}/Actions/VirtualMedia.InsertMedia"},
                     "#VirtualMedia.EjectMedia": {"target": f"{path}/{slot}/Actions/VirtualMedia.EjectMedia"}})


def _storage(add, collect):
    storage = f"{SYSTEM}/Storage"
    collect(storage, "StorageCollection", "Storage", ["1"])
    drives = [_link(f"{storage}/1/Drives/{number}") for number in range(4)]
    add(f"{storage}/1", "Storage.v1_15_0.Storage", "RAID controller", Status=OK, Drives=drives, Volumes=_link(f"{storage}/1/Volumes"),
        StorageControllers=[{
            "@odata.id": f"{storage}/1#/StorageControllers/0", "MemberId": "0", "Name": "RAID controller", "Manufacturer": "Simulated",
            "Model": "SIM-RAID", "FirmwareVersion": "51.16.0", "SpeedGbps": 12, "Status": OK,
            "SupportedControllerProtocols": ["PCIe"], "SupportedDeviceProtocols": ["SAS", "SATA"],
            "SupportedRAIDTypes": ["RAID0", "RAID1", "RAID5", "RAID6", "RAID10"]}])
    for number, drive in enumerate(drives):
        add(drive["@odata.id"], "Drive.v1_18_0.Drive", f"Drive {number}", CapacityBytes=480_103_981_056, MediaType="SSD", Protocol="SATA",
            Manufacturer="Simulated", Model="SIM-480", SerialNumber=f"DRV{number}-%SERIAL%", Revision="1.0", BlockSizeBytes=512, FailurePredicted=False,
            IndicatorLED="Off", PredictedMediaLifeLeftPercent=98, Status=OK, Links={"Volumes": []},
            Actions={"#Drive.SecureErase": {"target": f"{drive['@odata.id']}/Actions/Drive.SecureErase"}})
    collect(f"{storage}/1/Volumes", "VolumeCollection", "Volumes", **{
        "@Redfish.OperationApplyTimeSupport": {"@odata.type": "#Settings.v1_3_5.OperationApplyTimeSupport", "SupportedValues": ["Immediate", "OnReset"]}})


def _manager(add, collect):
    collect(f"{ROOT}/Managers", "ManagerCollection", "Managers", ["1"])
    add(MANAGER, "Manager.v1_17_0.Manager", "Manager", ManagerType="BMC", Manufacturer="Simulated", Model="Simulated BMC", FirmwareVersion="1.0.0",
        UUID="%UUID%", DateTime="%NOW%", DateTimeLocalOffset="+00:00", PowerState="On", Status=OK,
        CommandShell={"ServiceEnabled": True, "MaxConcurrentSessions": 4, "ConnectTypesSupported": ["SSH", "IPMI"]},
        SerialConsole={"ServiceEnabled": True, "MaxConcurrentSessions": 1, "ConnectTypesSupported": ["IPMI", "SSH"]},
        GraphicalConsole={"ServiceEnabled": True, "MaxConcurrentSessions": 4, "ConnectTypesSupported": ["KVMIP"]},
        NetworkProtocol=_link(f"{MANAGER}/NetworkProtocol"), EthernetInterfaces=_link(f"{MANAGER}/EthernetInterfaces"),
        VirtualMedia=_link(f"{MANAGER}/VirtualMedia"), LogServices=_link(f"{MANAGER}/LogServices"),
        Links={"ManagerForServers": [_link(SYSTEM)], "ManagerForChassis": [_link(CHASSIS)], "ManagerInChassis": _link(CHASSIS)},
        Actions={"#Manager.Reset": {
            "target": f"{MANAGER}/Actions/Manager.Reset", "ResetType@Redfish.AllowableValues": ["GracefulRestart", "ForceRestart"]},
            "#Manager.ResetToDefaults": {
                "target": f"{MANAGER}/Actions/Manager.ResetToDefaults", "ResetType@Redfish.AllowableValues": ["ResetAll", "PreserveNetworkAndUsers"]}})
    add(f"{MANAGER}/NetworkProtocol", "ManagerNetworkProtocol.v1_9_0.ManagerNetworkProtocol", "Protocols", HostName="bmc-%INDEX%",
        FQDN="bmc-%INDEX%.example.com",
        HTTPS={"ProtocolEnabled": True, "Port": "%PORT%", "Certificates": _link(f"{MANAGER}/NetworkProtocol/HTTPS/Certificates")},
        HTTP={"ProtocolEnabled": False, "Port": 80}, SSH={"ProtocolEnabled": True, "Port": 22}, IPMI={"ProtocolEnabled": True, "Port": 623},
        NTP={"ProtocolEnabled": False, "NTPServers": ["", "", ""]}, Status=OK)
    collect(f"{MANAGER}/NetworkProtocol/HTTPS/Certificates", "CertificateCollection", "Certificates", ["1"])
    add(f"{MANAGER}/NetworkProtocol/HTTPS/Certificates/1", "Certificate.v1_7_0.Certificate", "HTTPS certificate", CertificateType="PEM",
        CertificateString="%CERTIFICATE%", ValidNotBefore="%VALID_FROM%", ValidNotAfter="%VALID_TO%",
        Subject={"CommonName": "bmc-%ADDRESS%"}, Issuer={"CommonName": "Simulated rack authority"},
        KeyUsage=["ServerAuthentication"])
    collect(f"{MANAGER}/EthernetInterfaces", "EthernetInterfaceCollection", "BMC interfaces", ["1"])
    add(f"{MANAGER}/EthernetInterfaces/1", "EthernetInterface.v1_9_0.EthernetInterface", "BMC NIC", MACAddress="%MAC0%", SpeedMbps=1000, LinkStatus="LinkUp",
        InterfaceEnabled=True, HostName="bmc-%INDEX%", DHCPv4={"DHCPEnabled": False}, NameServers=[], Status=OK, VLAN={"VLANEnable": False, "VLANId": 1},
        IPv4Addresses=[{"Address": "%ADDRESS%", "SubnetMask": "255.0.0.0", "AddressOrigin": "Static", "Gateway": "127.0.0.1"}])
    _media(add, collect, f"{MANAGER}/VirtualMedia", [("CD1", ["CD", "DVD"]), ("USB1", ["USBStick", "Floppy"])])
    logs = f"{MANAGER}/LogServices/Log1"
    collect(f"{MANAGER}/LogServices", "LogServiceCollection", "Logs", ["Log1"])
    add(logs, "LogService.v1_4_0.LogService", "BMC log", ServiceEnabled=True, MaxNumberOfRecords=512, OverWritePolicy="WrapsWhenFull", DateTime="%NOW%",
        LogEntryType="Event", Status=OK, Entries=_link(f"{logs}/Entries"), Actions={"#LogService.ClearLog": {"target": f"{logs}/Actions/LogService.ClearLog"}})
    collect(f"{logs}/Entries", "LogEntryCollection", "Entries", ["1"])
    add(f"{logs}/Entries/1", "LogEntry.v1_15_0.LogEntry", "Entry 1", EntryType="Event", Severity="OK", Message="The BMC has started",
        MessageId="ResourceEvent.1.0.ResourceStatusChangedOK", Created="2026-01-01T00:00:10+00:00")


def _chassis(add, collect):
    collect(f"{ROOT}/Chassis", "ChassisCollection", "Chassis", ["1"])
    add(CHASSIS, "Chassis.v1_23_0.Chassis", "Chassis", ChassisType="RackMount", Manufacturer="Simulated", Model="Simulated 1", SerialNumber="CH-%SERIAL%",
        PartNumber="PN-1", AssetTag="", PowerState="%POWER%", IndicatorLED="Off", LocationIndicatorActive=False, Status=OK, Thermal=_link(f"{CHASSIS}/Thermal"),
        Power=_link(f"{CHASSIS}/Power"), Sensors=_link(f"{CHASSIS}/Sensors"), ThermalSubsystem=_link(f"{CHASSIS}/ThermalSubsystem"),
        PowerSubsystem=_link(f"{CHASSIS}/PowerSubsystem"), EnvironmentMetrics=_link(f"{CHASSIS}/EnvironmentMetrics"),
        NetworkAdapters=_link(f"{CHASSIS}/NetworkAdapters"),
        Links={"ComputerSystems": [_link(SYSTEM)], "ManagedBy": [_link(MANAGER)]})
    collect(f"{CHASSIS}/NetworkAdapters", "NetworkAdapterCollection", "Adapters", ["1"])
    add(f"{CHASSIS}/NetworkAdapters/1", "NetworkAdapter.v1_9_0.NetworkAdapter", "Adapter 1", Manufacturer="Simulated", Model="SIM-25G",
        SerialNumber="NIC-%SERIAL%", Status=OK)
    temperatures = [("Inlet", "Intake", 22, 42, 47), ("CPU1", "CPU", 48, 90, 100), ("CPU2", "CPU", 50, 90, 100)]
    fans = [(f"Fan {number}", 5400 + 60 * number) for number in range(1, 5)]
    voltages = [("12V", 12.05, 10.8, 13.2), ("3.3V", 3.31, 2.97, 3.63)]
    thermal = f"{CHASSIS}/Thermal"
    add(thermal, "Thermal.v1_7_1.Thermal", "Thermal",
        Temperatures=[{"@odata.id": f"{thermal}#/Temperatures/{number}", "MemberId": str(number), "Name": f"{name} Temp", "SensorNumber": number + 1,
                       "ReadingCelsius": reading, "UpperThresholdNonCritical": warning, "UpperThresholdCritical": critical, "UpperThresholdFatal": critical + 5,
                       "PhysicalContext": context, "Status": OK}
                      for number, (name, context, reading, warning, critical) in enumerate(temperatures)],
        Fans=[{"@odata.id": f"{thermal}#/Fans/{number}", "MemberId": str(number), "Name": name, "Reading": reading, "ReadingUnits": "RPM",
               "LowerThresholdCritical": 600, "LowerThresholdNonCritical": 900, "Status": OK} for number, (name, reading) in enumerate(fans)],
        Redundancy=[])
    power = f"{CHASSIS}/Power"
    add(power, "Power.v1_7_1.Power", "Power",
        PowerControl=[{"@odata.id": f"{power}#/PowerControl/0", "MemberId": "0", "Name": "System Power Control", "PowerConsumedWatts": 240,
                       "PowerCapacityWatts": 1600, "PowerLimit": {"LimitInWatts": None}, "Status": OK,
                       "PowerMetrics": {"AverageConsumedWatts": 231, "MaxConsumedWatts": 410, "MinConsumedWatts": 90, "IntervalInMin": 60}}],
        Voltages=[{"@odata.id": f"{power}#/Voltages/{number}", "MemberId": str(number), "Name": name, "SensorNumber": 40 + number, "ReadingVolts": reading,
                   "LowerThresholdCritical": low, "UpperThresholdCritical": high, "Status": OK}
                  for number, (name, reading, low, high) in enumerate(voltages)],
        PowerSupplies=[{"@odata.id": f"{power}#/PowerSupplies/{number}", "MemberId": str(number), "Name": f"PSU {number + 1}", "PowerCapacityWatts": 800,
                        "LineInputVoltage": 230, "LastPowerOutputWatts": 120, "Model": "SIM-800", "SerialNumber": f"PSU{number}-%SERIAL%",
                        "FirmwareVersion": "1.2", "Status": OK if number == 0 else {"State": "Enabled", "Health": "Critical"}} for number in range(2)])
    sensors = [(f"temp_{name}", f"{name} Temp", "Temperature", reading, "Cel", {"UpperCaution": {"Reading": warning}, "UpperCritical": {"Reading": critical}})
               for name, _context, reading, warning, critical in temperatures]
    sensors += [(f"fan_{number}", name, "Rotational", reading, "RPM", {"LowerCritical": {"Reading": 600}}) for number, (name, reading) in enumerate(fans, 1)]
    sensors += [(f"volt_{name}", name, "Voltage", reading, "V", {"LowerCritical": {"Reading": low}, "UpperCritical": {"Reading": high}})
                for name, reading, low, high in voltages]
    sensors += [("power_total", "Total Power", "Power", 240, "W", {})]
    collect(f"{CHASSIS}/Sensors", "SensorCollection", "Sensors", [sensor[0] for sensor in sensors])
    for identity, name, kind, reading, unit, thresholds in sensors:
        add(f"{CHASSIS}/Sensors/{identity}", "Sensor.v1_7_0.Sensor", name, ReadingType=kind, Reading=reading, ReadingUnits=unit,
            Thresholds=thresholds, Status=OK)
    add(f"{CHASSIS}/ThermalSubsystem", "ThermalSubsystem.v1_3_0.ThermalSubsystem", "Thermal subsystem", Status=OK,
        Fans=_link(f"{CHASSIS}/ThermalSubsystem/Fans"))
    collect(f"{CHASSIS}/ThermalSubsystem/Fans", "FanCollection", "Fans", [str(number) for number in range(1, 5)])
    for number, (name, reading) in enumerate(fans, 1):
        add(f"{CHASSIS}/ThermalSubsystem/Fans/{number}", "Fan.v1_5_0.Fan", name, Status=OK,
            SpeedPercent={"DataSourceUri": f"{CHASSIS}/Sensors/fan_{number}", "Reading": 40, "SpeedRPM": reading})
    supplies = f"{CHASSIS}/PowerSubsystem"
    add(supplies, "PowerSubsystem.v1_1_0.PowerSubsystem", "Power subsystem", Status=OK, CapacityWatts=1600, PowerSupplies=_link(f"{supplies}/PowerSupplies"))
    collect(f"{supplies}/PowerSupplies", "PowerSupplyCollection", "Power supplies", ["1", "2"])
    for number in (1, 2):
        add(f"{supplies}/PowerSupplies/{number}", "PowerSupply.v1_5_0.PowerSupply", f"PSU {number}", PowerCapacityWatts=800, Model="SIM-800",
            SerialNumber=f"PSU{number - 1}-%SERIAL%", FirmwareVersion="1.2", Status=OK if number == 1 else {"State": "Enabled", "Health": "Critical"})
    add(f"{CHASSIS}/EnvironmentMetrics", "EnvironmentMetrics.v1_3_0.EnvironmentMetrics", "Environment",
        PowerWatts={"DataSourceUri": f"{CHASSIS}/Sensors/power_total", "Reading": 240},
        TemperatureCelsius={"DataSourceUri": f"{CHASSIS}/Sensors/temp_Inlet", "Reading": 22})
