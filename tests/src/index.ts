// What tests of the whole system share.
export { areWhole, chainText, isServing, rangesOf, untilRanges, untilWatched } from './chains.ts';
export { Traffic, type TrafficOptions, type TrafficReport } from './traffic.ts';
