// One implementation behind both entries, so that a program that reaches the package both ways has one set of error classes.
export * from './index.js';
