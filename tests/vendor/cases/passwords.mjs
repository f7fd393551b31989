import assert from 'node:assert/strict';
import { CLIENT, refusal } from '../clients.mjs';

const NEW = 'n3w-secret';
const SIZES = { // bytes of the new password on the wire
  scram: { [CLIENT.new]: 36, [CLIENT.old]: 36 },
  hashed: { [CLIENT.new]: 16, [CLIENT.old]: 64 },
  plain: { [CLIENT.new]: NEW.length, [CLIENT.old]: NEW.length },
};

const changes = async ({ tap, client, security, openAnother }, username, groupPath) => {
  await tap.login(username, username);
  const change = await tap.during(() => tap.changePassword(NEW));
  const written = change.find(({ call }) => call === `POST /1025/${groupPath}/2`);
  assert.equal(written.request.body.length, SIZES[security][client]);
  assert.equal(written.isClear, security !== 'scram');
  await tap.disconnect();

  const another = await openAnother();
  await assert.rejects(another.login(username, username), (error) => refusal(error) === 0x86);
  await another.login(username, NEW);
  assert.notEqual(await another.groupId(), 0);
};

export const adminChangesPassword = (context) => changes(context, 'admin', '');

export const supervisorChangesOwnPassword = (context) => changes(context, 'supervisor', 65534);

export async function adminChangesPasswordOfAnother({ tap, openAnother }) {
  await tap.login('admin', 'admin');
  await tap.changePassword(NEW, 65534);
  const another = await openAnother();
  await another.login('supervisor', NEW);
  assert.equal(await another.groupId(), 65534);
}

export async function anonymousMayNotChangePasswords({ tap }) {
  await assert.rejects(tap.changePassword(NEW, 65535), (error) => refusal(error) === 0x81);
  await tap.login('admin', 'admin');
}
