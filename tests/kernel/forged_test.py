#!/usr/bin/env python3
"""What forged.py sends is well formed, and what is wrong it sees: answers made up here, no kernel needed."""

import contextlib
import io
import types
import unittest

import forged
import forged_cases
import frames
from forged_attack import Attempt, Receiver, Sender, Target
from forged_net import PLACES, near

MAC, OTHER = '02:00:00:00:00:01', '02:00:00:00:00:02'
PAIRS = (('10.9.0.11', '10.9.0.12'), ('fd09::11', 'fd09::12'))


def sums(frame):
    """What is left over of the checksums of a frame: 0 each when they are right."""
    if frame[12:14] == b'\x08\0':
        size, at, protocol = 20, 26, frame[23]
        head = frames.checksum(frame[14:34])
    else:
        size, at, protocol, head = 40, 22, frame[20], 0
    inner = frame[14 + size:]
    pseudo = frame[at:14 + size] + len(inner).to_bytes(4, 'big') + protocol.to_bytes(4, 'big')
    return head, frames.checksum(pseudo + inner)


class Frames(unittest.TestCase):
    def test_checksums_are_right_in_both_families(self):
        for source, to in PAIRS:
            for frame in (frames.syn((MAC, OTHER), source, to, (53, 80), 7),
                          frames.datagram((MAC, OTHER), source, to, (0, 80), b'odd')):
                self.assertEqual(sums(frame), (0, 0), frame.hex())

    def test_a_claim_answers_the_one_who_asked(self):
        for asker, target in PAIRS:
            frame = frames.claim(frames.Request(asker, OTHER, target), MAC, asker)
            self.assertEqual(frame[:12], frames.mac_bytes(OTHER) + frames.mac_bytes(MAC))
            self.assertIn(frames.packed(target), frame)
            if ':' in target:
                self.assertEqual(sums(frame), (0, 0))

    def test_a_question_is_read_as_it_was_meant(self):
        for asker, target in PAIRS:
            self.assertEqual(frames.parse(frames.question(MAC, asker, target)), frames.Request(asker, MAC, target))
        self.assertEqual(sums(frames.question(MAC, *PAIRS[1])), (0, 0))

    def test_a_syn_is_no_answer_and_a_syn_ack_names_its_syn(self):
        for source, to in PAIRS:
            frame = bytearray(frames.syn((MAC, OTHER), source, to, (80, 53), 7))
            self.assertIsNone(frames.parse(bytes(frame)))
            at = len(frame) - 24
            frame[at + 8:at + 12] = (4243).to_bytes(4, 'big')
            frame[at + 13] |= frames.ACK
            self.assertEqual(frames.parse(bytes(frame)), frames.SynAck(source, to, 4243))

    def test_what_is_cut_short_is_nothing(self):
        whole = frames.syn((MAC, OTHER), *PAIRS[1], (80, 53), 7)
        for size in range(len(whole)):
            self.assertIsNone(frames.parse(whole[:size]))


class Judge(unittest.TestCase):
    OPEN, SHUT = (Target('g1', 'tcp', '10.9.0.12', p) for p in (80, 81))

    def judged(self, opened, shut):
        attempt = Attempt(self.OPEN, '10.9.0.13', 53, Sender(MAC), Receiver(OTHER))
        attacker = types.SimpleNamespace(targets=[self.OPEN, self.SHUT], reached={self.OPEN: (attempt, 'received')})
        score = forged.Score()
        with contextlib.redirect_stdout(io.StringIO()) as said:
            score.add(forged_cases.CASES[0], [attacker], {self.OPEN: {'verdict': opened}, self.SHUT: {'verdict': shut}})
        return score, said.getvalue()

    def test_agreement_is_no_fault(self):
        score, said = self.judged('open', 'closed')
        self.assertEqual((score.faults(), said), ([], ''))

    def test_either_wrong_answer_is_a_contradiction(self):
        for answers in (('closed', 'closed'), ('open', 'open')):
            score, said = self.judged(*answers)
            self.assertEqual(score.faults(), ['1 contradictions'])
            self.assertIn('CONTRADICTION', said)

    def test_unknown_is_counted_and_not_called_wrong(self):
        score, _ = self.judged('unknown', 'closed')
        self.assertEqual((score.faults(), score.counts['unknown']), ([], 1))

    def test_a_truth_of_one_kind_is_too_thin(self):
        score, _ = self.judged('open', 'closed')
        score.counts.update(asked=98, closed=98)
        self.assertEqual(score.faults(), ['only 1 of 100 open'])

    def test_gateways_are_claimed_for_what_is_elsewhere_only(self):
        gateways = PLACES['g1'][2]
        for address, here in (('10.9.0.77', True), ('10.9.1.11', False), ('fd09::77', True), ('fd09:1::11', False),
                              ('fe80::77', True), ('192.0.2.9', False)):
            self.assertEqual(near(address, gateways), here, address)


if __name__ == '__main__':
    unittest.main()
