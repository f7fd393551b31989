// Several links of one Tap at the same time.
import assert from 'node:assert/strict';

const ROUNDS = 30;
const IV_PERIOD = 3;

/** A session on each link, all of them busy; each is told its own interface, and reads back what it wrote itself. */
export async function allLinksAtOnce({ openAnother, urls }) {
  const serialNumbers = new Set();
  const session = async ([link, url]) => {
    const tap = await openAnother(url);
    tap.setIvPeriod(IV_PERIOD);
    await tap.login('admin', 'admin');
    let protocol;
    for (let round = 0; round < ROUNDS; round += 1) {
      serialNumbers.add(await tap.serialNumber());
      protocol = (await tap.service.interface.getCurrentHostProtocol()).body();
      assert.equal(await tap.groupId(), 0xffff);
    }
    const encrypted = tap.exchanges.filter(({ isClear }) => !isClear).length;
    assert.ok(encrypted >= 3 * ROUNDS, `${encrypted} encrypted requests over ${link}`);
    return [link, { protocol, rounds: ROUNDS }];
  };
  const observed = await Promise.all(Object.entries(urls).map(session));
  assert.equal(serialNumbers.size, 1);
  return Object.fromEntries(observed);
}
