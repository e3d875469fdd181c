/** Looks up texts. Everything that people read passes through `t` or `plural`. */
import { en } from './en';

type Catalogue = typeof en;
type Plural = Readonly<{ other: string } & Partial<Record<Intl.LDMLPluralRule, string>>>;

/** Keys of texts, and of those that depend on a count. */
export type TextKey = {
  [K in keyof Catalogue]: Catalogue[K] extends string ? K : never;
}[keyof Catalogue];
export type PluralKey = Exclude<keyof Catalogue, TextKey>;

/** The words in braces that a text wants. */
type Wanted<S> = S extends `${string}{${infer Name}}${infer Rest}` ? Name | Wanted<Rest> : never;
type Values<K extends TextKey> =
  Wanted<Catalogue[K]> extends never ? [] : [Record<Wanted<Catalogue[K]>, string | number>];

const LANGUAGE = 'en';
const rules = new Intl.PluralRules(LANGUAGE);
const numbers = new Intl.NumberFormat(LANGUAGE);

function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    return typeof value === 'number' ? numbers.format(value) : (value ?? '');
  });
}

export function t<K extends TextKey>(key: K, ...values: Values<K>): string {
  return fill(en[key], values[0] ?? {});
}

/** The form of a text that fits a count. */
export function plural(key: PluralKey, count: number): string {
  const forms: Plural = en[key];
  return fill(forms[rules.select(count)] ?? forms.other, { count });
}

const compactNumbers = new Intl.NumberFormat(LANGUAGE, {
  notation: 'compact',
  maximumFractionDigits: 1,
});

/** A number in as little room as it needs: 1.2K. */
export function compact(count: number): string {
  return compactNumbers.format(count);
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const dayAndMonth = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const wholeDate = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });

/** How long ago, as short as a timeline wants it. */
export function ago(time: number, now: number): string {
  const age = now - time;
  if (age < MINUTE) return t('time.now');
  if (age < HOUR) return t('time.minutes', { count: Math.floor(age / MINUTE) });
  if (age < DAY) return t('time.hours', { count: Math.floor(age / HOUR) });
  if (age < 7 * DAY) return t('time.days', { count: Math.floor(age / DAY) });
  const isThisYear = new Date(time).getFullYear() === new Date(now).getFullYear();
  return (isThisYear ? dayAndMonth : wholeDate).format(time);
}

/** The exact moment, in the reader's own time zone and manner. */
export function moment(time: number): string {
  return exact.format(time);
}

const time = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const longDay = new Intl.DateTimeFormat(undefined, {
  weekday: 'long',
  day: 'numeric',
  month: 'long',
});

/** The time of day. */
export function clockTime(at: number): string {
  return time.format(at);
}

/** The day, in the reader's own time zone: by its name where it is near. */
export function dayName(at: number, now: number): string {
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  if (at >= midnight) return t('chat.today');
  if (at >= midnight - DAY) return t('chat.yesterday');
  const isThisYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return (isThisYear ? longDay : wholeDate).format(at);
}

/** A date without its time. */
export function dateOnly(at: number): string {
  return wholeDate.format(at);
}
