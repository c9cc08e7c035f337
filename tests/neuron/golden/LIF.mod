NEURON {
    POINT_PROCESS LIVN_MECHANISM
    RANGE V_soma
    RANGE A_AMPA_soma
    RANGE B_AMPA_soma
    RANGE eta_w_soma
    RANGE wait
    RANGE phase
    RANGE G_soma
    RANGE I_soma
    RANGE k0_
    RANGE k1_
    RANGE k2_
    RANGE k3_
    RANGE k4_
    RANGE k5_
    RANGE k6_
    RANGE V_threshold_
    RANGE V_reset_
    RANGE refractory_steps_
    RANGE solves_
    RANGE arrived_2
    RANGE increment_2_0
    RANGE fired
}

ASSIGNED {
    free_
    below
    V_soma
    A_AMPA_soma
    B_AMPA_soma
    eta_w_soma
    wait
    phase
    G_soma
    I_soma
    k0_
    k1_
    k2_
    k3_
    k4_
    k5_
    k6_
    V_threshold_
    V_reset_
    refractory_steps_
    solves_
    arrived_2
    increment_2_0
    fired
}

BEFORE BREAKPOINT {
    LOCAL new_A_AMPA_soma, new_B_AMPA_soma, b0_, dV_soma, after_V_soma
    phase = phase + 1
    if (phase == 1) {
        free_ = wait <= 0
        if (wait > 0) { wait = wait - 1 }
        new_A_AMPA_soma = A_AMPA_soma*k0_
        new_B_AMPA_soma = B_AMPA_soma*k1_
        A_AMPA_soma = new_A_AMPA_soma
        B_AMPA_soma = new_B_AMPA_soma
        b0_ = A_AMPA_soma - B_AMPA_soma
        dV_soma = k2_*(-G_soma*V_soma + I_soma + b0_*(V_soma + k3_) + eta_w_soma*k4_ + k5_*(V_soma + k6_))*exprel(k2_*(-G_soma + b0_ + k5_))
        V_soma = V_soma + dV_soma*free_
        fired = 0
        if (V_soma >= V_threshold_ && free_ > 0.5) {
            fired = 1
            wait = refractory_steps_
            after_V_soma = V_reset_
            V_soma = after_V_soma
        }
        A_AMPA_soma = A_AMPA_soma + arrived_2*increment_2_0
        B_AMPA_soma = B_AMPA_soma + arrived_2*increment_2_0
        arrived_2 = 0
    }
    if (phase == solves_) {
        phase = 0
    }
}

FUNCTION power2(x) {
    power2 = x*x
}

FUNCTION power3(x) {
    power3 = x*x*x
}

FUNCTION power4(x) {
    power4 = x*x*x*x
}

FUNCTION exprel(x) {
    if (x == 0) {
        exprel = 1
    } else if (fabs(x) < 1) {
        exprel = exp(0.5*x)*sinh(0.5*x)/(0.5*x)
    } else {
        exprel = (exp(x) - 1)/x
    }
}

FUNCTION dexprel(x) {
    LOCAL term
    if (fabs(x) < 0.3) {
        term = 0.5
        dexprel = 0.5
        FROM k = 1 TO 11 {
            term = term*x/(k + 2)
            dexprel = dexprel + term*(k + 1)
        }
    } else {
        dexprel = (exp(x)*(x - 1) + 1)/(x*x)
    }
}

FUNCTION relu(x) {
    if (x > 0) {
        relu = x
    } else {
        relu = 0
    }
}

FUNCTION choose(condition, then, otherwise) {
    if (condition > 0.5) {
        choose = then
    } else {
        choose = otherwise
    }
}
