// A login costs the clients half a second of PBKDF2 in JavaScript. crypto-js, which both use for it, keeps its results
// here, so that hundreds of logins with the same few passwords are affordable. The clients' own code is as published.
import CryptoJS from 'crypto-js';

const { PBKDF2 } = CryptoJS;
const results = new Map();
const hashers = Object.entries(CryptoJS.algo);
const nameOf = (hasher) => hashers.find(([, candidate]) => candidate === hasher)?.[0];

CryptoJS.PBKDF2 = (password, salt, { hasher, ...options }) => {
  const texts = [password, salt].map((input) => [typeof input, String(input)]);
  const key = JSON.stringify([texts, nameOf(hasher), options]);
  if (!results.has(key)) results.set(key, PBKDF2(password, salt, { hasher, ...options }));
  return results.get(key).clone();
};
