//! Ticks from a worker: timers of a page in the background are slowed to one a second, a worker's are not.

let timer: ReturnType<typeof setInterval> | undefined;

onmessage = (event: MessageEvent<number>) => {
  clearInterval(timer);
  if (event.data > 0) timer = setInterval(() => postMessage(0), event.data);
};
