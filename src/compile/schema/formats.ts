/** The formats of CEL's `format` (`k8s.io/apiserver/pkg/cel/library/format.go`), as the API server takes them. */

const LABEL = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?";

const isLabel = (text: string): boolean => text.length <= 63 && new RegExp(`^${LABEL}$`).test(text);
const isSubdomain = (text: string): boolean =>
  text.length <= 253 && new RegExp(`^${LABEL}(?:\\.${LABEL})*$`).test(text);
const isLabel1035 = (text: string): boolean => text.length <= 63 && /^[a-z](?:[-a-z0-9]*[a-z0-9])?$/.test(text);

/** A prefix as a name that can be checked: it may end in a dash (`maskTrailingDash`). */
const masked = (text: string): string => (text.length > 1 && text.endsWith("-") ? `${text.slice(0, -2)}a` : text);

/** Whether a text has the format of that name. */
export const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  dns1123Label: isLabel,
  dns1123Subdomain: isSubdomain,
  dns1035Label: isLabel1035,
  dns1123LabelPrefix: (text) => isLabel(masked(text)),
  dns1123SubdomainPrefix: (text) => isSubdomain(masked(text)),
  dns1035LabelPrefix: (text) => isLabel1035(masked(text)),
  labelValue: isLabelValue,
  qualifiedName: isQualifiedName,
  uri: isUri,
  uuid: (text) => /^[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}$/i.test(text),
  byte: (text) => text !== "" && /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0,
  date: isDate,
  datetime: (text) => {
    // `strfmt` takes any character for the point of a fraction.
    const [, date = ""] = /^(.{10})T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:.\d+)?(?:Z|[+-]\d\d:\d\d)$/i.exec(text) ?? [];
    return isDate(date);
  },
};

/** Whether a text can be the value of a label. */
export function isLabelValue(text: string): boolean {
  return text.length <= 63 && /^(?:[A-Za-z0-9](?:[-\w.]*[A-Za-z0-9])?)?$/.test(text);
}

/** Whether a text can be the key of a label: `app`, `example.com/app`. */
export function isQualifiedName(text: string): boolean {
  const [name = "", prefix, ...more] = text.split("/").reverse();
  const sound = name.length <= 63 && /^[A-Za-z0-9](?:[-\w.]*[A-Za-z0-9])?$/.test(name);
  return sound && more.length === 0 && (prefix === undefined || isSubdomain(prefix));
}

/** Whether Go's `url.ParseRequestURI` takes a text: a path, or an absolute URI, whose host may be empty. Hosts are not checked. */
function isUri(text: string): boolean {
  const [path = ""] = text.split("?", 1);
  // eslint-disable-next-line no-control-regex -- control characters are refused
  if (/[\u0000-\u001f\u007f]/.test(text) || /%(?![0-9A-Fa-f]{2})/.test(path)) return false;
  // Checked with another scheme, since JavaScript's URL refuses `https` without a host.
  const [scheme] = /^[A-Za-z][-A-Za-z0-9+.]*:/.exec(text) ?? [];
  return text.startsWith("/") || (scheme !== undefined && URL.canParse(`x:${text.slice(scheme.length)}`));
}

function isDate(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false;
  const date = new Date(`${text}T00:00:00Z`);
  // JavaScript reads the 30th of February as the 2nd of March.
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}
