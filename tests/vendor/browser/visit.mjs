// What a program does with the vendor's client: it logs in, and goes on encrypted, with vectors that change.

const PATIENCE = { timeout: 5_000 }; // a busy machine is no fault of the Tap; the client's own limits are 0.5 and 1 s

/**
 * @param Tap the class of the vendor's client
 * @param protocol a transport of it
 * @param periods after how many requests the initialization vectors change, one period after the other
 * @returns what the Tap has answered
 */
export async function visit(Tap, protocol, periods) {
  protocol.options = { connect: PATIENCE, disconnect: PATIENCE, send: PATIENCE };
  const tap = Tap.fromProtocol(protocol);
  const serialNumber = async () => (await tap.service.device.getSerialNumber()).body();
  await tap.connect();
  const inClear = await serialNumber();
  await tap.auth.login({ username: 'admin', password: 'admin' }); // encrypted from here on
  const { keys } = tap.encryption.getEncryptionOptions();
  const vectors = new Set();
  const encrypted = {};
  for (const period of periods) {
    tap.encryption.setInitializationVectorRefreshPeriod(period);
    encrypted[period] = [];
    for (let read = 0; read < 2 * period + 1; read++) {
      encrypted[period].push(await serialNumber());
      vectors.add(String(tap.encryption.getEncryptionOptions().keys.ivEncode));
    }
  }
  const groupId = (await tap.service.interface.getCurrentGroupId()).body();
  const hostProtocol = (await tap.service.interface.getCurrentHostProtocol()).body();
  await tap.disconnect();
  return { inClear, keyBytes: keys.sessionKey.length, encrypted, vectors: vectors.size, groupId, hostProtocol };
}
