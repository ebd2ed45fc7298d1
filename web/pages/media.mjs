//! The far side of the media plane for pictures: a blank page that answers offers with drawn tracks.

/** Runs inside the blank page. */
function farSide() {
  const peers = [];

  function scene(kind, label) {
    const canvas = document.createElement('canvas');
    canvas.width = 960;
    canvas.height = 540;
    const pen = canvas.getContext('2d');
    let frame = 0;
    const font = (weight, size) => `${weight} ${size}px "Noto Sans CJK SC", sans-serif`;
    const person = (x, y, size, coat) => {
      pen.fillStyle = coat;
      pen.beginPath();
      pen.roundRect(x - size, y + size * 0.8, size * 2, size * 3, size * 0.8);
      pen.fill();
      pen.fillStyle = '#eac9a8';
      pen.beginPath();
      pen.arc(x, y, size * 0.75, 0, 7);
      pen.fill();
      pen.fillStyle = '#2c2420';
      pen.beginPath();
      pen.arc(x, y - size * 0.15, size * 0.76, Math.PI, 0);
      pen.fill();
    };
    const draw = () => {
      const t = frame++ / 12;
      if (kind === 'slides') {
        pen.fillStyle = '#fbfaf6';
        pen.fillRect(0, 0, 960, 540);
        pen.fillStyle = '#1d2b45';
        pen.fillRect(0, 0, 14, 540);
        pen.font = font(700, 60);
        pen.fillText(label[0], 72, 130);
        pen.font = font(400, 32);
        pen.fillStyle = '#3b4654';
        pen.fillText(label[1], 72, 190);
        pen.strokeStyle = '#a6aeb8';
        for (let i = 0; i < 5; i++) {
          pen.beginPath();
          pen.moveTo(72, 300 + i * 24);
          pen.lineTo(888, 300 + i * 24);
          pen.stroke();
        }
        [4, 3, 2, 3, 4, 4, 4, 3, 3, 3].forEach((h, i) => {
          pen.fillStyle = i === Math.floor(t) % 10 ? '#c8372d' : '#1d2b45';
          pen.beginPath();
          pen.ellipse(130 + i * 80, 400 - h * 12, 15, 10, -0.35, 0, 7);
          pen.fill();
          pen.fillRect(141 + i * 80, 400 - h * 12 - 70, 4, 70);
        });
      } else if (kind === 'teacher') {
        pen.fillStyle = '#2f4a43';
        pen.fillRect(0, 0, 960, 540);
        pen.fillStyle = '#274039';
        pen.fillRect(0, 420, 960, 120);
        pen.font = font(500, 44);
        pen.fillStyle = 'rgb(255 255 255 / 70%)';
        pen.fillText(label, 70, 110);
        person(600 + Math.sin(t) * 20, 230, 76, '#b5533c');
      } else {
        pen.fillStyle = '#d8d2c2';
        pen.fillRect(0, 0, 960, 540);
        pen.fillStyle = '#c3baa4';
        pen.fillRect(0, 330, 960, 210);
        ['#5a7fa8', '#8d6a9f', '#a8775a', '#5f9270', '#9a5b62'].forEach((coat, i) =>
          person(140 + i * 170, 260 + (i % 2) * 34 + Math.sin(t + i) * 4, 48, coat),
        );
        pen.font = font(600, 30);
        pen.fillStyle = '#4a4436';
        pen.fillText(label, 36, 60);
      }
    };
    draw();
    setInterval(draw, 80);
    return canvas.captureStream(12).getVideoTracks()[0];
  }

  const audio = new AudioContext();
  function tone() {
    const source = new OscillatorNode(audio, { frequency: 440 });
    const volume = new GainNode(audio, { gain: 0.05 });
    const out = new MediaStreamAudioDestinationNode(audio);
    source.connect(volume).connect(out);
    source.start();
    return out.stream.getAudioTracks()[0];
  }

  window.scene = scene;
  window.tone = tone;

  /** `plan`: for each m-line, null or what it shows. */
  window.answer = async (offer, plan) => {
    const peer = new RTCPeerConnection();
    peers.push(peer);
    await peer.setRemoteDescription({ type: 'offer', sdp: offer });
    peer.getTransceivers().forEach((line, i) => {
      const shown = plan[i];
      const wants = line.direction === 'inactive' || offer.split('m=')[i + 1].includes('a=recvonly');
      if (!wants) return void (line.direction = 'recvonly');
      line.direction = 'sendonly';
      if (shown) void line.sender.replaceTrack(shown.kind === 'tone' ? tone() : scene(shown.kind, shown.label));
    });
    await peer.setLocalDescription(await peer.createAnswer());
    await new Promise((resolve) => {
      if (peer.iceGatheringState === 'complete') resolve();
      peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && resolve();
    });
    return peer.localDescription.sdp;
  };

  window.restart = async (fragment) => {
    const peer = peers.at(-1);
    if (!peer) return null;
    const ufrag = /a=ice-ufrag:(\S+)/.exec(fragment)[1];
    const pwd = /a=ice-pwd:(\S+)/.exec(fragment)[1];
    const sdp = peer.remoteDescription.sdp
      .replace(/a=ice-ufrag:\S+/g, `a=ice-ufrag:${ufrag}`)
      .replace(/a=ice-pwd:\S+/g, `a=ice-pwd:${pwd}`);
    await peer.setRemoteDescription({ type: 'offer', sdp });
    await peer.setLocalDescription(await peer.createAnswer());
    await new Promise((resolve) => setTimeout(resolve, 400));
    const answer = peer.localDescription.sdp;
    return answer
      .split(/\r\n/)
      .filter((line) => /^a=(ice-ufrag|ice-pwd|candidate)/.test(line))
      .join('\r\n');
  };

  window.hangUp = () => peers.splice(0).forEach((peer) => peer.close());
}

export async function farPage(browser) {
  const page = await (await browser.newContext()).newPage();
  await page.goto('about:blank');
  await page.evaluate(farSide);
  return page;
}
