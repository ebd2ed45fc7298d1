// Makes all clips; the tests make what they need by themselves.
import { CAST, cameraClip, microphoneClip } from './lib/clips.mjs';

for (const name of Object.keys(CAST)) {
  console.log(cameraClip(name));
  console.log(microphoneClip(name));
}
