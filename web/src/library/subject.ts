//! The colour of a subject: by its name where it is known, by chance of its name otherwise. White text is readable
//! on each of them.

const KNOWN: [RegExp, string][] = [
  [/音乐|music/i, '#6a3a6e'],
  [/英语|english/i, '#1f4f8f'],
  [/美术|art/i, '#8f4a1c'],
  [/语文|chinese/i, '#8a2f2f'],
  [/数学|math/i, '#14625f'],
  [/科学|science|物理|化学|生物/i, '#2c6236'],
  [/体育|pe\b/i, '#5d5a1c'],
];
const OTHERS = ['#3c4c66', '#5a4a3a', '#4a3f6b', '#2f5a52'];

export function colourOf(subject: string): string {
  const known = KNOWN.find(([pattern]) => pattern.test(subject));
  if (known) return known[1];
  const sum = [...subject].reduce((total, sign) => total + (sign.codePointAt(0) ?? 0), 0);
  return OTHERS[sum % OTHERS.length] ?? '#3c4c66';
}
