@testable import Cron

let zones = TimeZoneDatabase(directory: "/usr/share/zoneinfo")

/// Zones whose clocks do everything that clocks have done.
let difficultZones = [
    "UTC", "America/New_York", "Europe/London", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca",
    "Asia/Tehran", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kathmandu", "Antarctica/Troll", "Europe/Dublin",
    "Asia/Shanghai", "Asia/Pyongyang", "America/Caracas", "Africa/Monrovia", "America/Havana", "Asia/Gaza",
    "America/St_Johns", "Pacific/Chatham", "Pacific/Kwajalein", "America/Scoresbysund", "Africa/Cairo",
    "America/Nuuk", "Asia/Beirut", "America/Asuncion",
]

func time(_ text: String) throws -> UnixTime { try UnixTime(rfc3339: text) }
