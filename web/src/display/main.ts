import { start } from '../ui/mount';
import Display from './Display.svelte';

start(Display, 'display.title');

// The page and today's table must be there when the network is not.
if ('serviceWorker' in navigator && import.meta.env.PROD) {
  void import('./offline').then(({ keepOffline }) => keepOffline());
}
