//! The few edits of SDP text that browsers leave to the page. Everything else is the browser's.

/** How the sections of one kind of sound are sent. */
export interface SoundWish {
  /** mid of the section */
  mid: string;
  stereo: boolean;
  /** bits a second, or null for the browser's choice */
  bitrate: number | null;
}

interface Section {
  lines: string[];
}

function sections(sdp: string): Section[] {
  const out: Section[] = [{ lines: [] }];
  for (const line of sdp.split(/\r?\n/)) {
    if (line === '') continue;
    if (line.startsWith('m=')) out.push({ lines: [] });
    out[out.length - 1]?.lines.push(line);
  }
  return out;
}

function join(parts: Section[]): string {
  return parts.flatMap((part) => part.lines).map((line) => `${line}\r\n`).join('');
}

function valueOf(section: Section, name: string): string | undefined {
  return section.lines.find((line) => line.startsWith(`a=${name}:`))?.slice(name.length + 3);
}

function opusPayload(section: Section): string | undefined {
  for (const line of section.lines) {
    const match = /^a=rtpmap:(\d+) opus\/48000/i.exec(line);
    if (match) return match[1];
  }
  return undefined;
}

/** Neither browser offers retransmission of sound by itself; both accept it. */
export function withSoundRetransmission(sdp: string): string {
  const parts = sections(sdp);
  for (const part of parts) {
    const payload = opusPayload(part);
    if (payload === undefined) continue;
    const wanted = `a=rtcp-fb:${payload} nack`;
    if (part.lines.includes(wanted)) continue;
    const at = part.lines.findIndex((line) => line.startsWith(`a=rtpmap:${payload} `));
    part.lines.splice(at + 1, 0, wanted);
  }
  return join(parts);
}

/** Stereo and bit rate of Opus, per section. Sections without a wish keep what they have. */
export function withSound(sdp: string, wishes: SoundWish[]): string {
  const parts = sections(sdp);
  for (const part of parts) {
    const payload = opusPayload(part);
    const wish = wishes.find((candidate) => candidate.mid === valueOf(part, 'mid'));
    if (payload === undefined || wish === undefined) continue;
    const prefix = `a=fmtp:${payload} `;
    const at = part.lines.findIndex((line) => line.startsWith(prefix));
    const kept = (at < 0 ? [] : (part.lines[at] ?? '').slice(prefix.length).split(';')).filter(
      (pair) => pair !== '' && !/^(stereo|sprop-stereo|maxaveragebitrate)=/.test(pair.trim()),
    );
    if (wish.stereo) kept.push('stereo=1', 'sprop-stereo=1');
    if (wish.bitrate !== null) kept.push(`maxaveragebitrate=${wish.bitrate}`);
    if (kept.length === 0) continue;
    const line = prefix + kept.map((pair) => pair.trim()).join(';');
    if (at >= 0) part.lines[at] = line;
    else part.lines.splice(part.lines.findIndex((l) => l.startsWith(`a=rtpmap:${payload} `)) + 1, 0, line);
  }
  return join(parts);
}

/** An answer in which the server asks for our sound with redundancy (RFC 2198): browsers send what stands first. */
export function withRedundancy(answer: string): string {
  const parts = sections(answer);
  for (const part of parts) {
    if (!part.lines.includes('a=recvonly')) continue;
    const red = part.lines.map((line) => /^a=rtpmap:(\d+) red\/48000/i.exec(line)?.[1]).find((found) => found !== undefined);
    const [name, port, protocol, ...payloads] = (part.lines[0] ?? '').split(' ');
    if (red === undefined || !payloads.includes(red)) continue;
    part.lines[0] = [name, port, protocol, red, ...payloads.filter((payload) => payload !== red)].join(' ');
  }
  return join(parts);
}

/** The fragment of a restart (RFC 9725, section 4.3.3): the bundle's first section carries the new credentials. */
export function restartFragment(offer: string): string {
  const [head, first] = sections(offer);
  if (head === undefined || first === undefined) throw new Error('an offer has at least one section');
  const pick = (section: Section, ...names: string[]) =>
    section.lines.filter((line) => names.some((name) => line.startsWith(`a=${name}:`)));
  const ufrag = valueOf(first, 'ice-ufrag') ?? valueOf(head, 'ice-ufrag') ?? '';
  const pwd = valueOf(first, 'ice-pwd') ?? valueOf(head, 'ice-pwd') ?? '';
  const lines = [
    ...pick(head, 'group'),
    ...first.lines.slice(0, 1),
    ...pick(first, 'mid'),
    `a=ice-ufrag:${ufrag}`,
    `a=ice-pwd:${pwd}`,
    ...pick(first, 'candidate'),
    'a=end-of-candidates',
  ];
  return lines.map((line) => `${line}\r\n`).join('');
}

/** The old answer with the credentials and candidates of the server's fragment. */
export function restartedAnswer(answer: string, fragment: string): string {
  const frag = sections(fragment);
  const find = (name: string) => frag.map((part) => valueOf(part, name)).find((value) => value !== undefined);
  const ufrag = find('ice-ufrag');
  const pwd = find('ice-pwd');
  const candidates = frag.flatMap((part) => part.lines.filter((line) => line.startsWith('a=candidate:')));
  const parts = sections(answer);
  for (const part of parts) {
    const had = part.lines.some((line) => line.startsWith('a=candidate:'));
    part.lines = part.lines
      .filter((line) => !(candidates.length > 0 && (line.startsWith('a=candidate:') || line === 'a=end-of-candidates')))
      .map((line) => {
        if (ufrag !== undefined && line.startsWith('a=ice-ufrag:')) return `a=ice-ufrag:${ufrag}`;
        if (pwd !== undefined && line.startsWith('a=ice-pwd:')) return `a=ice-pwd:${pwd}`;
        return line;
      });
    if (had && candidates.length > 0) part.lines.push(...new Set(candidates), 'a=end-of-candidates');
  }
  return join(parts);
}
