import { setTimeout as pause } from 'node:timers/promises';

export { pause };

/** Repeats an action until it succeeds. */
export async function until(action, { seconds = 5, interval = 50 } = {}) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await pause(interval);
    }
  }
}

/** Everything that an observable tells, once it is complete. */
export const collected = (observable) => new Promise((resolve, reject) => {
  const events = [];
  observable.subscribe({ next: (event) => events.push(event), error: reject, complete: () => resolve(events) });
});
