// Standard output is for answers; alpha.105 keeps the functions of the console that it finds when it is loaded.
console.log = console.info = console.error;
