import assert from 'node:assert/strict';

export async function readsIdentityInClear({ tap, firmware }) {
  const { device } = tap.service;
  const version = (await device.getFirmwareVersion()).body();
  assert.match((await device.getSerialNumber()).body(), /^IoTize0041[0-9A-F]{8}$/);
  assert.equal((await device.getManufacturer()).body(), 'IOTIZE');
  assert.ok(version === firmware || version.startsWith(`${firmware}.`), `${version} is not ${firmware}`);
  assert.deepEqual(tap.exchanges.map(String), ['GET /3//3', 'GET /3//2', 'GET /3//0']);
}

export async function pairsOverNfc({ tap }) {
  await tap.nfcPairing();
  const [{ sent, received }] = tap.exchanges;
  assert.equal(sent.toString('hex'), '00a4040007f0024c774d324d9000');
  assert.equal(received.toString('hex'), '9000');
  assert.match(await tap.serialNumber(), /^IoTize/);
}

/** Two reads in one request; `prepare` decides whether it travels encrypted. */
const twoReadsInOne = async (tap, carrier, prepare) => {
  await prepare();
  const serialNumber = await tap.serialNumber();
  const calls = [tap.service.device.getSerialNumberCall(), tap.service.interface.getCurrentGroupIdCall()];
  let answers;
  const exchanges = await tap.during(async () => { answers = await tap.multiRequest(calls); });
  assert.deepEqual(answers.map((answer) => answer.body()), [serialNumber, 0]);
  assert.deepEqual(exchanges.map(String), [`${carrier}GET /1024//89`]);
};

export const multiRequestInClear = ({ tap }) => twoReadsInOne(tap, '', async () => {});

export const multiRequestEncrypted = ({ tap }) => twoReadsInOne(tap, 'encrypted ', () => tap.startEncryption());

export async function multiRequestStopsAtTheUnexpected({ tap }) {
  const success = 0x7f;
  const calls = [tap.service.device.getManufacturerCall(), tap.unknownCall, tap.service.device.getSerialNumberCall()];
  const expected = (await tap.multiRequest(calls, success)).map((answer) => answer.codeRet());
  const anything = (await tap.multiRequest(calls)).map((answer) => answer.codeRet());
  assert.deepEqual(expected, [0x00, 0x84, 0xba]);
  assert.deepEqual(anything, [0x00, 0x84, 0x00]);
}
