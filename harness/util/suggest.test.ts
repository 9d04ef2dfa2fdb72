// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { didYouMean, nearest } from "./suggest.ts";

const known = ["nfqueue", "nfqueue_scale", "nfqueue_scale_in", "ecmp", "ipvs", "--rate", "--retries"];

test("names that begin so come first, before any that is near by letters", (t) => {
  t.deepEqual(nearest("nfqueue_sc", known), ["nfqueue_scale", "nfqueue_scale_in"]);
  t.deepEqual(nearest("--r", known), ["--rate", "--retries"]);
});

test("else the nearest within three edits, and never what shares no letter", (t) => {
  t.deepEqual(nearest("ecpm", known), ["ecmp"]);
  t.deepEqual(nearest("IPVS9", known), ["ipvs"]);
  t.deepEqual(nearest("zz", known), []);
  t.deepEqual(nearest("moon", known), []);
  t.deepEqual(nearest("", known), []);
});

test("else the name that it begins with, as of a case or of several with commas", (t) => {
  t.deepEqual(nearest("ecmp_scale", known), ["ecmp"]);
  t.deepEqual(nearest("ecmp,nfqueue_scale_in", known), ["ecmp"]);
  t.deepEqual(nearest("nfqueue_scale,drift", known), ["nfqueue_scale"]);
  t.deepEqual(nearest("ecmpatible", known), []);
  t.deepEqual(nearest("--all", [...known, "--help"]), []);
});

test("the sentence names up to three", (t) => {
  t.is(didYouMean("ecpm", known), " Did you mean 'ecmp'?");
  t.is(didYouMean("nfqueue_sc", known), " Did you mean 'nfqueue_scale' or 'nfqueue_scale_in'?");
  t.is(didYouMean("nf", known), " Did you mean 'nfqueue', 'nfqueue_scale' or 'nfqueue_scale_in'?");
  t.is(didYouMean("granite", known), "");
});
