/** Something that must be found nowhere but where it is allowed. */
export interface Mark {
  /** What it is, for people. */
  readonly what: string;
  readonly value: string;
}

/** As much of a token as nobody writes by chance. */
const PART_LENGTH = 24;

/** A token, and each of its parts: a log that cuts the signature off has told enough. */
export function tokenMarks(what: string, token: string): Mark[] {
  const [, ...rest] = token.split('.');
  return [
    { what, value: token },
    ...rest.filter((part) => part.length >= PART_LENGTH).map((value) => ({ what: `a part of ${what}`, value })),
  ];
}

/** The ways in which text is written down, each under its name. */
export function spellingsOf(value: string): ReadonlyMap<string, string> {
  const bytes = Buffer.from(value);
  const shifted = [0, 1, 2].map((shift) => {
    const all = Buffer.concat([Buffer.alloc(shift, 'x'), bytes]).toString('base64');
    // The characters at either end also say something of what stands beside it.
    return all.slice(Math.ceil((shift * 8) / 6), -4);
  });
  return new Map([
    ['plain', value],
    ['as JSON', JSON.stringify(value).slice(1, -1)],
    ['in a URL', encodeURIComponent(value)],
    ['in hex', bytes.toString('hex')],
    ...shifted.flatMap((base64, shift): [string, string][] => [
      [`base64, shifted by ${shift}`, base64],
      [`base64url, shifted by ${shift}`, base64.replaceAll('+', '-').replaceAll('/', '_')],
    ]),
  ]);
}

/** @returns each mark that stands in the text, and how it is written there; upper and lower case of hex count as one */
export function findMarks(text: string, marks: readonly Mark[]): string[] {
  const lower = text.toLowerCase();
  return marks.flatMap(({ what, value }) =>
    [...spellingsOf(value)]
      .filter(([spelling, written]) => (spelling === 'in hex' ? lower.includes(written) : text.includes(written)))
      .map(([spelling]) => `${what} (${spelling})`),
  );
}
