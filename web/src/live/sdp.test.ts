import { describe, expect, it } from 'vitest';
import { restartedAnswer, restartFragment, withRedundancy, withSound, withSoundRetransmission } from './sdp';

const OFFER = [
  'v=0',
  'a=group:BUNDLE 0 1',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111 63',
  'a=mid:0',
  'a=ice-ufrag:old1',
  'a=ice-pwd:oldpassword',
  'a=rtpmap:111 opus/48000/2',
  'a=fmtp:111 minptime=10;useinbandfec=1',
  'm=video 9 UDP/TLS/RTP/SAVPF 96',
  'a=mid:1',
  'a=ice-ufrag:old1',
  'a=ice-pwd:oldpassword',
  'a=rtpmap:96 H264/90000',
  '',
].join('\r\n');

describe('the offer', () => {
  it('asks for retransmission of sound, once, and leaves video alone', () => {
    const once = withSoundRetransmission(OFFER);
    expect(once).toContain('a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 nack\r\n');
    expect(withSoundRetransmission(once)).toBe(once);
    expect(once).not.toContain('rtcp-fb:96');
  });

  it('says stereo and bit rate where they are wished, and unsays them', () => {
    const rich = withSound(OFFER, [{ mid: '0', stereo: true, bitrate: 128_000 }]);
    expect(rich).toContain('a=fmtp:111 minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1;maxaveragebitrate=128000\r\n');
    expect(withSound(rich, [{ mid: '0', stereo: false, bitrate: null }])).toBe(OFFER);
  });
});

describe('the answer', () => {
  it('asks for our sound with redundancy, and leaves what we hear alone', () => {
    const section = (mid: string, way: string) =>
      [`m=audio 9 UDP/TLS/RTP/SAVPF 111 63`, `a=mid:${mid}`, `a=${way}`, 'a=rtpmap:63 red/48000/2'].join('\r\n');
    const answer = `v=0\r\n${section('0', 'recvonly')}\r\n${section('1', 'sendonly')}\r\n`;
    expect(withRedundancy(answer)).toBe(answer.replace('111 63', '63 111'));
    const without = answer.replaceAll(' 63\r\n', '\r\n');
    expect(withRedundancy(without)).toBe(without);
  });
});

describe('a restart', () => {
  it('sends the credentials in the bundle’s first section', () => {
    expect(restartFragment(OFFER)).toBe(
      'a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=mid:0\r\na=ice-ufrag:old1\r\na=ice-pwd:oldpassword\r\na=end-of-candidates\r\n',
    );
  });

  it('puts the server’s new credentials and candidates into the old answer', () => {
    const answer = OFFER.replace('a=mid:0', 'a=mid:0\r\na=candidate:1 1 udp 1 10.0.0.1 7882 typ host');
    const made = restartedAnswer(answer, 'a=ice-ufrag:new1\r\na=ice-pwd:newpassword\r\na=candidate:2 1 udp 1 10.0.0.2 7882 typ host\r\n');
    expect(made).not.toContain('old1');
    expect(made.match(/a=ice-ufrag:new1/g)).toHaveLength(2);
    expect(made).toContain('10.0.0.2');
    expect(made).not.toContain('10.0.0.1');
  });
});
