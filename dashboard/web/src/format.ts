/** Numbers, money, dates and lengths of time as people read them. Nothing here computes a figure. */

/** What is written where a figure is unknown. */
export const UNKNOWN = "–";

export function count(value: number | null | undefined): string {
  return value === null || value === undefined
    ? UNKNOWN
    : value.toLocaleString(undefined, { maximumFractionDigits: 2 });
}

export function percent(value: number | null | undefined): string {
  return value === null || value === undefined
    ? UNKNOWN
    : `${value.toLocaleString(undefined, { maximumFractionDigits: 2 })} %`;
}

/** An amount in minor units. */
export function money(minor: number | null | undefined, currency: string | null | undefined): string {
  if (minor === null || minor === undefined) return UNKNOWN;
  if (!currency) return count(minor / 100);
  try {
    const format = new Intl.NumberFormat(undefined, { style: "currency", currency });
    const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
    return format.format(minor / 10 ** digits);
  } catch {
    return `${count(minor)} ${currency}`;
  }
}

/** Amounts by currency, the tenant's first; unknown where there is none. */
export function amounts(map: Record<string, number> | null | undefined): string {
  const list = Object.entries(map ?? {}).map(([currency, minor]) => money(minor, currency));
  return list.length === 0 ? UNKNOWN : list.join(" + ");
}

const UNITS = ["B", "KB", "MB", "GB", "TB"];

/** An amount of storage, such as `12.4 MB`; a thousand of one unit are one of the next. */
export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return UNKNOWN;
  const unit = value < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(value) / 3));
  const digits = unit === 0 ? 0 : 1;
  return `${(value / 1000 ** unit).toLocaleString(undefined, { maximumFractionDigits: digits })} ${UNITS[unit]}`;
}

/** Whole seconds, such as `3 h 41 m` or `1 m 35 s`. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return UNKNOWN;
  const whole = Math.round(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  if (h > 0) return `${h.toLocaleString()} h ${String(m).padStart(2, "0")} m`;
  return m > 0 ? `${m} m ${String(s).padStart(2, "0")} s` : `${s} s`;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** The parts of a date in a zone. Dates are written alike for everybody, as `3 Nov 2025, 14:00`: none is read two ways. */
function parts(date: Date, zone: string): Record<string, string> {
  let format = formats.get(zone);
  if (!format) {
    const options: Intl.DateTimeFormatOptions = {
      weekday: "short",
      day: "numeric",
      month: "short",
      year: "numeric",
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
    };
    try {
      format = new Intl.DateTimeFormat("en-US", { ...options, timeZone: zone });
    } catch {
      format = new Intl.DateTimeFormat("en-US", { ...options, timeZone: "UTC" });
    }
    formats.set(zone, format);
  }
  return Object.fromEntries(format.formatToParts(date).map((part) => [part.type, part.value]));
}

function valid(text: string | null | undefined): Date | null {
  const date = new Date(text ?? "");
  return Number.isNaN(date.getTime()) ? null : date;
}

/** An instant in a zone, with its year. */
export function instant(text: string | null | undefined, zone: string): string {
  const date = valid(text);
  if (!date) return UNKNOWN;
  const { day, month, year, hour, minute } = parts(date, zone);
  return `${day} ${month} ${year}, ${hour}:${minute}`;
}

/** An instant in a zone, without its year. */
export function shortInstant(text: string | null | undefined, zone: string): string {
  const date = valid(text);
  if (!date) return UNKNOWN;
  const { day, month, hour, minute } = parts(date, zone);
  return `${day} ${month} ${hour}:${minute}`;
}

/** A local date `2025-10-09`. */
export function day(text: string | null | undefined): string {
  const date = valid(text && `${text.slice(0, 10)}T12:00:00Z`);
  if (!date) return UNKNOWN;
  const { weekday, day, month, year } = parts(date, "UTC");
  return `${weekday} ${day} ${month} ${year}`;
}

const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

/** A month `2025-10`. */
export function monthName(text: string): string {
  const [year, number] = text.split("-");
  return `${MONTHS[Number(number) - 1] ?? text} ${year}`;
}

/** The local date of an instant, as `2025-10-09`. */
export function localDate(date: Date, zone: string): string {
  const { day = "1", month = "Jan", year = "1970" } = parts(date, zone);
  const number = MONTHS.findIndex((name) => name.startsWith(month)) + 1;
  return `${year}-${String(number).padStart(2, "0")}-${day.padStart(2, "0")}`;
}

/** The month `n` months after one. */
export function addMonths(month: string, n: number): string {
  const [year = 1970, number = 1] = month.split("-").map(Number);
  const index = year * 12 + number - 1 + n;
  return `${Math.floor(index / 12)}-${String((index % 12) + 1).padStart(2, "0")}`;
}

/** The last day of a month. */
export function lastDay(month: string): string {
  const [year = 1970, number = 1] = month.split("-").map(Number);
  return `${month}-${String(new Date(Date.UTC(year, number, 0)).getUTCDate()).padStart(2, "0")}`;
}

/** A word of the engine, such as `no-answer`, as a label. */
export function words(text: string | null | undefined): string {
  if (!text) return UNKNOWN;
  const plain = text.replace(/[_-]/g, " ");
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

const PROVIDERS: Record<string, string> = {
  callrail: "CallRail",
  clienttether: "ClientTether",
  clienttether_notes: "ClientTether, notes",
  ctm: "CallTrackingMetrics",
  emailbison: "Email Bison",
  google_ads: "Google Ads",
  meta: "Meta",
};

/** A provider or source by the name that people know. */
export function providerName(id: string): string {
  return PROVIDERS[id] ?? words(id);
}

/** A long id with its middle left out. */
export function shortId(text: string): string {
  return text.length <= 20 ? text : `${text.slice(0, 8)}…${text.slice(-6)}`;
}

/** A sentence's first letter large. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
