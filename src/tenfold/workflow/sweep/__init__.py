"""Search for a better recipe: trials that Optuna proposes, judged on writers held apart."""
