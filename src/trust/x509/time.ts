/** Reads the dates of certificates, CRLs and OCSP responses. */
import { DerError, type DerReader, TAG, at } from "./der.ts";

/**
 * Reads a `Time` (RFC 5280 §4.1.2.5) as ms since the epoch: UTCTime with seconds, or GeneralizedTime with seconds
 * and no fraction, both in Zulu. `early` tells that a date before 2050 was written as GeneralizedTime, which CAs
 * must not do.
 */
export function readTime(reader: DerReader, what: string): { ms: number; early: boolean } {
  const tag = reader.peek();
  if (tag !== TAG.utcTime && tag !== TAG.generalizedTime) throw new DerError(`${what} is not a Time`);
  const value = reader.contents(reader.next(what));
  const yearDigits = tag === TAG.utcTime ? 2 : 4;
  if (value.length !== yearDigits + 11 || value[yearDigits + 10] !== 0x5a) {
    throw new DerError(`${what} is not a Time in seconds and Zulu`);
  }
  let offset = 0;
  const digits = (count: number): number => {
    let number = 0;
    for (const end = offset + count; offset < end; offset++) {
      const digit = at(value, offset) - 0x30;
      if (digit < 0 || digit > 9) throw new DerError(`${what} is not a Time of digits`);
      number = number * 10 + digit;
    }
    return number;
  };
  let year = digits(yearDigits);
  if (tag === TAG.utcTime) year += year >= 50 ? 1900 : 2000;
  const [month, day, hour, minute, second] = [digits(2), digits(2), digits(2), digits(2), digits(2)];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  const real = date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60 && second < 60;
  if (!real) throw new DerError(`${what} is not a date`);
  return { ms: date.getTime(), early: tag === TAG.generalizedTime && year < 2050 };
}
