import { chromium } from 'playwright-core';

/** Debian's Chromium, as root, with made-up devices. */
export function launch(extra = []) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--no-first-run',
      '--disable-component-update',
      '--disable-sync',
      '--autoplay-policy=no-user-gesture-required',
      // The two ends of a picture's media meet inside one browser.
      '--disable-features=WebRtcHideLocalIpsWithMdns',
      ...extra,
    ],
  });
}

export const DEVICES = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];
