"""How it joins: exit points, seams, splices and the beam search over chains of hops."""
